/* box - what the tests of single boxes share: random numbers, captured stderr, forked scenarios. */
#ifndef HAK_TEST_BOX_H
#define HAK_TEST_BOX_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define GIB ((size_t)1 << 30)

/* --- random numbers: the same in every run, so that a failure comes again --- */

static inline uint64_t random_next(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* A number from 0 to N - 1. */
static inline uint64_t random_below(uint64_t *state, uint64_t n) {
  return random_next(state) % n;
}

/* Fisher and Yates. */
static inline void shuffle(void **p, size_t n, uint64_t *state) {
  for (size_t i = n; i > 1; i--) {
    size_t k = (size_t)random_below(state, i);
    void *last = p[i - 1];
    p[i - 1] = p[k];
    p[k] = last;
  }
}

static inline double now_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- stderr, which the boxes write to without stdio --- */

struct capture {
  int saved; /* the real stderr */
  int file;
};

static inline void capture_start(struct capture *c) {
  c->saved = dup(STDERR_FILENO);
  c->file = memfd_create("stderr", 0);
  if (c->saved < 0 || c->file < 0 || dup2(c->file, STDERR_FILENO) < 0) {
    test_fail("stderr cannot be captured");
    exit(1);
  }
}

/* Ends the capture; TEXT receives what was written, cut to SIZE - 1 and terminated. */
static inline void capture_end(struct capture *c, char *text, size_t size) {
  ssize_t n = pread(c->file, text, size - 1, 0);
  text[n > 0 ? n : 0] = 0;
  dup2(c->saved, STDERR_FILENO);
  close(c->saved);
  close(c->file);
}

static inline int count_lines(const char *text) {
  int n = 0;
  for (; *text; text++) n += *text == '\n';
  return n;
}

/* Runs a *_check() that is expected to find something: its result, and what it said. */
static inline int check_aloud(int (*check)(void), char *text, size_t size) {
  struct capture c;
  int bad;
  capture_start(&c);
  bad = check();
  capture_end(&c, text, size);
  return bad;
}

/* The check must report at least one violation in a line that holds WORDS. */
#define CHECK_REPORTS(check, words)                                                             \
  do {                                                                                          \
    char said_[2000];                                                                           \
    int bad_ = check_aloud((check), said_, sizeof said_);                                       \
    CHECK_MSG(bad_ > 0 && strstr(said_, (words)), "%s:%d: %s found %d and said '%s'", __FILE__, \
              __LINE__, #check, bad_, said_);                                                   \
  } while (0)

/* --- scenarios in a process of their own --- */

struct outcome {
  int status;      /* of waitpid */
  char said[4000]; /* on stderr */
};

enum { CHILD_SECONDS = 20 };

/* Waits for CHILD, which may hang even before its own alarm is set; then it is killed. */
static inline int wait_for_child(pid_t child) {
  struct timespec pause = {0, 300000};
  double end = now_seconds() + CHILD_SECONDS;
  int status = -1;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (now_seconds() > end) kill(child, SIGKILL);
    nanosleep(&pause, NULL);
  }
  return status;
}

/* Runs SCENARIO in a forked child, without core files, for 20 seconds at most. Its CHECKs count for
 * the promise under test. */
static inline void run_in_child(void (*scenario)(void), struct outcome *out) {
  struct capture c;
  pid_t child;
  fflush(stdout);
  capture_start(&c);
  child = fork();
  if (child == 0) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    scenario();
    fflush(stdout);
    _exit(test_bad ? 1 : 0);
  }
  out->status = child > 0 ? wait_for_child(child) : -1;
  capture_end(&c, out->said, sizeof out->said);
}

/* The scenario must come to its end; one that failed has said so itself. */
static inline void expect_return(void (*scenario)(void)) {
  struct outcome out;
  run_in_child(scenario, &out);
  if (WIFEXITED(out.status) && WEXITSTATUS(out.status) == 1 && !test_bad) {
    test_bad = 1;
    test_failed++;
  }
  CHECK_MSG(WIFEXITED(out.status), "ended by signal %d, saying: %s", WTERMSIG(out.status),
            out.said);
}

/* Keeps the promise NAME by a scenario that locks BYTES of memory, where this is allowed. */
static inline void expect_return_locked(const char *name, void (*scenario)(void), size_t bytes) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool may = p != MAP_FAILED && mlock(p, bytes) == 0;
  if (p != MAP_FAILED) munmap(p, bytes);
  if (!may) {
    test_skip(name, "so much memory must not be locked here (ulimit -l)");
    return;
  }
  test_begin(name);
  expect_return(scenario);
  test_end();
}

/* The scenario must end by abort(), with exactly one line on stderr that holds WORDS. */
static inline void expect_abort(void (*scenario)(void), const char *words) {
  struct outcome out;
  run_in_child(scenario, &out);
  CHECK_MSG(WIFSIGNALED(out.status) && WTERMSIG(out.status) == SIGABRT,
            "ended with status %#x, not by abort; said: %s", (unsigned)out.status, out.said);
  CHECK_MSG(strstr(out.said, words) && count_lines(out.said) == 1, "said: %s", out.said);
}

/* Runs this program anew with the word MODE and NAME=VALUE in its environment; its promises are
 * printed by itself. The mode's main must return test_status(). */
static inline void run_self(const char *mode, const char *name, const char *value) {
  int status;
  pid_t child;
  fflush(stdout);
  child = fork();
  if (child == 0) {
    setenv(name, value, 1);
    execl("/proc/self/exe", "self", mode, (char *)NULL);
    _exit(127);
  }
  status = child > 0 ? wait_for_child(child) : -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 1) test_failed++;
  if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) return;
  test_begin(mode);
  test_fail("this mode of the program ended with status %#x", (unsigned)status);
  test_end();
}

/* --- memory --- */

/* Pages of BYTES at P (page-aligned) that are resident. */
static inline size_t resident_pages(void *p, size_t bytes) {
  static unsigned char page[1 << 16];
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  size_t pages = bytes / size;
  size_t n = 0;
  if (pages > sizeof page || mincore(p, bytes, page) != 0) return 0;
  for (size_t i = 0; i < pages; i++) n += page[i] & 1;
  return n;
}

/* Does the system make pages resident on demand, by MADV_POPULATE_WRITE, and are they of 4 KiB? */
static inline bool brings_pages(void) {
  enum { POPULATE_WRITE = 23 };
  void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool can = p != MAP_FAILED && sysconf(_SC_PAGESIZE) == 4096 && !madvise(p, 4096, POPULATE_WRITE);
  if (p != MAP_FAILED) munmap(p, 4096);
  return can;
}

static inline bool all_bytes(const void *p, size_t n, unsigned char value) {
  const unsigned char *bytes = p;
  for (size_t i = 0; i < n; i++)
    if (bytes[i] != value) return false;
  return true;
}

#endif
