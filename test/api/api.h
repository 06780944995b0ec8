/* api - what the tests of the libc and C++ interfaces share.
 *
 * A program includes this file first, opens with api_served() and ends with `return api_close();`.
 * Both refer to hakmem by weak symbols, so the same source runs preloaded, linked, or, with
 * HAK_TEST_ANY=1 in the environment, on any other malloc (these two promises are then skipped).
 *
 * With HAK_PREFIXED the malloc family is reached by its hak_ names: a sanitizer keeps the plain
 * ones for itself.
 */
#ifndef HAK_TEST_API_H
#define HAK_TEST_API_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../include/hakmem.h"
#include "../test.h"

#pragma weak hak_owns
#pragma weak hak_check
#pragma weak hak_ledger
#pragma weak hak_counter

#ifdef HAK_PREFIXED
#ifdef __cplusplus
extern "C" {
#endif
void *hak_malloc(size_t size);
void *hak_calloc(size_t count, size_t size);
void *hak_realloc(void *p, size_t size);
void hak_free(void *p);
void *hak_aligned_alloc(size_t alignment, size_t size);
void *hak_memalign(size_t alignment, size_t size);
int hak_posix_memalign(void **result, size_t alignment, size_t size);
size_t hak_malloc_usable_size(void *p);
#ifdef __cplusplus
}
#endif
#define malloc hak_malloc
#define calloc hak_calloc
#define realloc hak_realloc
#define free hak_free
#define aligned_alloc hak_aligned_alloc
#define memalign hak_memalign
#define posix_memalign hak_posix_memalign
#define malloc_usable_size hak_malloc_usable_size
#endif

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)
#define GIB (MIB * 1024)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* One size in each tier and at its edges: tiny, mid, large, huge. */
static const size_t api_tiers[] = {1, 100, 1024, 1025, 20000, 32768, 100000, 300 * 1024, 3145728};

/* N, but unknown to the compiler: it can neither fold a call away nor warn of its size. */
static inline size_t opaque(size_t n) {
  __asm__ volatile("" : "+r"(n));
  return n;
}

/* P, but unknown to the compiler: a block that it must take for used. */
static inline void *opaque_ptr(void *p) {
  __asm__ volatile("" : "+r"(p) : : "memory");
  return p;
}

/* ---- who serves, and do the invariants hold ---- */

/* Does the environment ask to run on any malloc? */
static inline int api_any(void) {
  const char *any = getenv("HAK_TEST_ANY");
  return any && any[0] == '1';
}

typedef int api_owns_fn(const void *p);
typedef int api_check_fn(void);
typedef int api_ledger_fn(struct hak_ledger_figures *out);
typedef int api_counter_fn(const char *name, uint64_t *value);

/* hak_owns, or NULL. A program that is not position independent resolves an absent weak symbol
 * to NULL when it is linked: dlsym finds what was preloaded all the same. */
static inline api_owns_fn *api_owns(void) {
  return hak_owns ? hak_owns : (api_owns_fn *)dlsym(RTLD_DEFAULT, "hak_owns");
}

static inline api_check_fn *api_checker(void) {
  return hak_check ? hak_check : (api_check_fn *)dlsym(RTLD_DEFAULT, "hak_check");
}

static inline api_ledger_fn *api_ledger(void) {
  return hak_ledger ? hak_ledger : (api_ledger_fn *)dlsym(RTLD_DEFAULT, "hak_ledger");
}

/* hak_counter; -1 where it is not in the process. */
static inline int api_counter(const char *name, uint64_t *value) {
  api_counter_fn *counter =
      hak_counter ? hak_counter : (api_counter_fn *)dlsym(RTLD_DEFAULT, "hak_counter");
  return counter ? counter(name, value) : -1;
}

/* Threads that began to use the allocator and have not ended; 0 where it is not in the process. */
static inline uint64_t api_living(void) {
  uint64_t born = 0, ended = 0;
  return api_counter("front.threads_born", &born) || api_counter("front.threads_ended", &ended)
             ? 0 : born - ended;
}

/* Promises that hakmem serves this program: it owns a fresh block of each tier. */
static inline void api_served(void) {
  static const char name[] = "served by hakmem";
  api_owns_fn *owns = api_owns();
  if (api_any()) {
    test_skip(name, "HAK_TEST_ANY=1");
    return;
  }
  test_begin(name);
  CHECK_MSG(owns != NULL, "hak_owns is not in the process");
  for (size_t i = 0; owns && i < COUNT_OF(api_tiers); i++) {
    void *p = opaque_ptr(malloc(opaque(api_tiers[i])));
    CHECK_MSG(owns(p) == 1, "hak_owns(%p) is not 1 for malloc(%zu)", p, api_tiers[i]);
    free(p);
  }
  test_end();
}

/* The violations that hak_check counts; 0 where any malloc may serve. */
static inline int api_violations(void) {
  api_check_fn *check = api_checker();
  if (api_any()) return 0;
  return check ? check() : -1;
}

/* Promises that the invariants hold when the promise WHEN names is kept. */
static inline void api_invariants(const char *name) {
  int violations;
  if (api_any()) {
    test_skip(name, "HAK_TEST_ANY=1");
    return;
  }
  test_begin(name);
  violations = api_violations();
  CHECK_MSG(violations == 0, "hak_check() gave %d (-1: it is not in the process)", violations);
  test_end();
}

/* The last promise of every program; gives the exit status of main. */
static inline int api_close(void) {
  api_invariants("the invariants hold afterwards");
  return test_status();
}

/* Runs the program anew with the library HAK_LIB names preloaded, unless hakmem is there already:
 * for programs that are run by themselves rather than by test/api/all.sh. */
static inline void api_preload(char **argv) {
  const char *library = getenv("HAK_LIB");
  if (api_any() || api_owns() || !library || getenv("HAK_TEST_PRELOADED")) return;
  setenv("HAK_TEST_PRELOADED", "1", 1);
  setenv("LD_PRELOAD", library, 1);
  execv("/proc/self/exe", argv);
}

/* ---- random numbers, resident memory ---- */

/* The next number of the xorshift sequence at STATE, which is never 0. */
static inline uint64_t api_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  *state = x;
  return x * 0x2545F4914F6CDD1DULL;
}

/* Puts the N items at P, of SIZE bytes each, in random order. */
static inline void api_shuffle(void *p, size_t n, size_t size, uint64_t seed) {
  for (size_t i = n; i > 1; i--) {
    char *last = (char *)p + (i - 1) * size;
    char *other = (char *)p + api_random(&seed) % i * size;
    for (size_t at = 0; at < size; at++) {
      char c = last[at];
      last[at] = other[at];
      other[at] = c;
    }
  }
}

/* Resident bytes of this process, read without allocating. */
static inline size_t api_resident(void) {
  char text[128];
  size_t total = 0, resident = 0;
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[n > 0 ? n : 0] = 0;
  if (sscanf(text, "%zu %zu", &total, &resident) != 2) return 0;
  return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- patterns: content that depends on the block and on the place in it ---- */

static inline uint64_t api_word(uint64_t key, size_t at) {
  uint64_t x = (key ^ at) * 0x9E3779B97F4A7C15ULL;
  return x ^ (x >> 29) ^ key;
}

/* The place after AT in a pattern of LENGTH bytes: each word of a small block; of a big one the
 * first and the last KiB, and between them a word in each page, or 64 words at most. */
static inline size_t api_next(size_t at, size_t length) {
  size_t tail = length < 8192 ? 0 : (length - 1024) & ~(size_t)7;
  size_t step = length < 256 * KIB ? 4088 : (length / 64 - 8) & ~(size_t)7;
  if (at < 1024 || at >= tail) return at + 8;
  return at + step < tail ? at + step : tail;
}

/* Writes the pattern of KEY into the LENGTH bytes at P. */
static inline void api_fill(void *p, size_t length, uint64_t key) {
  for (size_t at = 0; at < length; at = api_next(at, length)) {
    uint64_t word = api_word(key, at);
    memcpy((char *)p + at, &word, length - at < 8 ? length - at : 8);
  }
}

/* Are the first UPTO bytes at P still those of a pattern of LENGTH bytes? */
static inline int api_intact(const void *p, size_t length, size_t upto, uint64_t key) {
  for (size_t at = 0; at < length && at < upto; at = api_next(at, length)) {
    uint64_t word = api_word(key, at);
    if (memcmp((const char *)p + at, &word, upto - at < 8 ? upto - at : 8) != 0) return 0;
  }
  return 1;
}

/* Are the SIZE bytes at P zero? */
static inline int api_zero(const void *p, size_t size) {
  const char *bytes = (const char *)p;
  return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* ---- blocks: what a test remembers of one ---- */

struct block {
  unsigned char *p;
  size_t size;   /* bytes asked for */
  size_t usable; /* bytes the allocator grants */
  uint64_t key;  /* of the pattern in the usable bytes */
};

/* Takes the fresh block P: checks alignment and size, and fills all that is usable. */
static inline struct block block_take(void *p, size_t size, size_t alignment, uint64_t key) {
  struct block b = {(unsigned char *)p, size, 0, key * 0x9E3779B97F4A7C15ULL + size};
  CHECK_MSG(p != NULL, "no block of %zu bytes", size);
  if (!p) return b;
  b.usable = malloc_usable_size(p);
  CHECK_MSG((uintptr_t)p % alignment == 0, "%zu bytes at %p, not a multiple of %zu", size, p,
            alignment);
  CHECK_MSG(b.usable >= size, "usable size %zu of a block of %zu", b.usable, size);
  api_fill(p, b.usable, b.key);
  return b;
}

/* Checks that the content of B is what block_take left there. */
static inline void block_verify(const struct block *b) {
  if (!b->p) return;
  CHECK_MSG(api_intact(b->p, b->usable, b->usable, b->key), "content of %zu bytes at %p is lost",
            b->size, (void *)b->p);
}

static inline int block_order(const void *a, const void *b) {
  const struct block *x = (const struct block *)a, *y = (const struct block *)b;
  return x->p < y->p ? -1 : x->p > y->p;
}

/* Checks that no two of the N blocks share a byte or an address; sorts them by address. */
static inline void blocks_apart(struct block *blocks, size_t n) {
  qsort(blocks, n, sizeof *blocks, block_order);
  for (size_t i = 1; i < n; i++) {
    struct block *a = &blocks[i - 1], *b = &blocks[i];
    if (!a->p) continue;
    CHECK_MSG(a->p != b->p && a->p + a->usable <= b->p, "%zu bytes at %p reach into %p", a->usable,
              (void *)a->p, (void *)b->p);
  }
}

/* ---- children: a scenario in a process of its own ---- */

static char *api_note; /* shared with the child: what it saw */

static inline void api_child_fail(const char *file, int line, const char *condition) {
  snprintf(api_note, 512, "%s:%d: %s", file, line, condition);
  _exit(99);
}

#define CHILD_CHECK(condition)                                                               \
  do {                                                                                       \
    if (!(condition)) api_child_fail(__FILE__, __LINE__, #condition);                        \
  } while (0)

/* Where children leave their note: made once, before the first fork. */
static inline void api_note_open(void) {
  void *p = MAP_FAILED;
  if (!api_note) p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p != MAP_FAILED) api_note = (char *)p;
}

/* Waits for CHILD and checks that it ended with status 0. */
static inline void api_child_join(pid_t child) {
  int status = -1;
  CHECK_MSG(waitpid(child, &status, 0) == child, "waitpid failed");
  CHECK_MSG(!WIFSIGNALED(status), "the child died by signal %d%s", WTERMSIG(status),
            WTERMSIG(status) == SIGALRM ? ": it hung" : "");
  CHECK_MSG(status == 0, "the child failed: %s", api_note);
}

/* Runs SCENARIO in a child which has SECONDS to end. */
static inline void api_child(void (*scenario)(void), unsigned seconds) {
  pid_t child;
  api_note_open();
  api_note[0] = 0;
  child = fork();
  if (child == 0) {
    alarm(seconds);
    scenario();
    _exit(0);
  }
  CHECK_MSG(child > 0, "fork failed");
  if (child > 0) api_child_join(child);
}

/* Runs this program anew with SCENARIO as its argument; gives its wait status. */
static inline int api_run_anew(const char *scenario) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) {
    execl("/proc/self/exe", "/proc/self/exe", scenario, (char *)NULL);
    _exit(127);
  }
  waitpid(pid, &status, 0);
  return status;
}

/* Runs BODY in a child whose descriptor FD is read into TEXT; gives the child's wait status. */
static inline int api_capture(void (*body)(void), int fd, char *text, size_t size) {
  int ends[2], status = -1;
  size_t length = 0;
  ssize_t n;
  pid_t child;
  if (pipe(ends) != 0) return -1;
  child = fork();
  if (child == 0) {
    alarm(30);
    dup2(ends[1], fd);
    close(ends[0]);
    close(ends[1]);
    body();
    _exit(0);
  }
  close(ends[1]);
  while (length < size - 1 && (n = read(ends[0], text + length, size - 1 - length)) > 0)
    length += (size_t)n;
  text[length] = 0;
  close(ends[0]);
  waitpid(child, &status, 0);
  return status;
}

/* TEXT as one line, for a message. */
static inline char *api_one_line(char *text) {
  for (char *c = text; *c; c++)
    if (*c == '\n') *c = ' ';
  return text;
}

#endif
