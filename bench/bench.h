/* bench - what every benchmark program shares: numbers, a clock, memory readings, the proof.
 *
 * A benchmark prints `name: value` lines on stdout and ends with the proof of who served it:
 *     served-by: the object that malloc and free resolve to
 *     front.blocks_refilled: hakmem's own count, when hakmem is in the process
 * Nothing here allocates, so that only the measured loop does. Include it before any other header.
 */
#ifndef HAK_BENCH_H
#define HAK_BENCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr, MAP_ANONYMOUS */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../include/hakmem.h"

#pragma weak hak_counter /* NULL unless hakmem is in the process */

/* Ends the program for a reason that is not the allocator's, such as bad arguments. */
__attribute__((noreturn, unused)) static void bench_die(const char *why) {
  dprintf(STDERR_FILENO, "bench: %s\n", why);
  exit(2);
}

/* Reads argument INDEX as a number, at least LEAST. */
__attribute__((unused)) static uint64_t bench_arg(int argc, char **argv, int index,
                                                  uint64_t least) {
  char *end;
  uint64_t value;
  if (index >= argc) bench_die("too few arguments; the head of the source names them");
  errno = 0;
  value = strtoull(argv[index], &end, 10);
  if (errno || end == argv[index] || *end) bench_die("an argument is not a number");
  if (value < least) bench_die("an argument is below its least value");
  return value;
}

/* Reads argument INDEX as one of the words of NAMES, which ends with NULL: its place there. */
__attribute__((unused)) static unsigned bench_choice(int argc, char **argv, int index,
                                                     const char *const *names) {
  if (index >= argc) bench_die("too few arguments; the head of the source names them");
  for (unsigned i = 0; names[i]; i++)
    if (strcmp(argv[index], names[i]) == 0) return i;
  bench_die("an argument is none of the words that the head of the source names");
}

/* Ends the program because SIZE bytes at P do not hold what was written: WHAT is wrong. */
__attribute__((noreturn, unused)) static void bench_corrupted(const void *p, size_t size,
                                                              const char *what) {
  dprintf(STDERR_FILENO, "bench: corrupted block %p of %zu bytes: %s\n", p, size, what);
  _exit(1);
}

/* xorshift64 (Marsaglia, 2003): three shifts, so that the loop measures malloc and not the dice. */
static inline uint64_t bench_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

/* A start state for stream number SEED; never 0, which xorshift cannot leave. */
static inline uint64_t bench_seed(uint64_t seed) {
  uint64_t state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
  return state ? state : 1;
}

/* Scales 32 random bits to 0..n-1 by a multiplication, which costs less than a division. */
static inline uint64_t bench_scale(uint64_t bits, uint64_t n) {
  return ((bits & UINT32_MAX) * n) >> 32;
}

/* Seconds on the monotonic clock. */
static inline double bench_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Keeps the compiler from removing or reordering what happens to the block P. */
static inline void bench_keep(void *p) {
  __asm__ volatile("" : : "r"(p) : "memory");
}

/* Zeroed memory for the benchmark's own tables, beside the allocator under test. */
__attribute__((unused)) static void *bench_pages(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) bench_die("no memory for the benchmark's tables");
  return p;
}

/* Reads the line NAME of a file in /proc, in KiB; -1 when the file or the line is missing. */
static inline long bench_proc_kib(const char *path, const char *name) {
  char text[8192];
  const char *line;
  ssize_t got;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  got = read(fd, text, sizeof text - 1);
  close(fd);
  text[got > 0 ? got : 0] = 0;
  line = strstr(text, name);
  return line ? strtol(line + strlen(name), NULL, 10) : -1;
}

/* Resident memory in KiB. smaps_rollup walks the page tables and is exact; VmRSS may lag behind
 * by dozens of pages per CPU, too coarse for an empty program. */
__attribute__((unused)) static long bench_rss_kib(void) {
  long kib = bench_proc_kib("/proc/self/smaps_rollup", "\nRss:");
  return kib >= 0 ? kib : bench_proc_kib("/proc/self/status", "\nVmRSS:");
}

/* Has freed memory given back in the way of whoever serves the process: by the call that jemalloc,
 * mimalloc, tcmalloc or tbbmalloc has for it, or else by malloc_trim. */
__attribute__((unused)) static void bench_give_back(void) {
  union {
    void *found;
    int (*jemalloc)(const char *name, void *, size_t *, void *, size_t);
    void (*mimalloc)(bool force);
    void (*tcmalloc)(void);
    int (*tbb)(int command, void *);
    int (*trim)(size_t keep);
  } call;
  if ((call.found = dlsym(RTLD_DEFAULT, "mallctl"))) {
    call.jemalloc("thread.tcache.flush", NULL, NULL, NULL, 0);
    call.jemalloc("arena.4096.purge", NULL, NULL, NULL, 0); /* 4096: all arenas */
  } else if ((call.found = dlsym(RTLD_DEFAULT, "mi_collect"))) {
    call.mimalloc(true);
  } else if ((call.found = dlsym(RTLD_DEFAULT, "MallocExtension_MarkThreadIdle"))) {
    call.tcmalloc();
    call.found = dlsym(RTLD_DEFAULT, "MallocExtension_ReleaseFreeMemory");
    call.tcmalloc();
  } else if ((call.found = dlsym(RTLD_DEFAULT, "scalable_allocation_command"))) {
    call.tbb(0, NULL); /* TBBMALLOC_CLEAN_ALL_BUFFERS */
  } else if ((call.found = dlsym(RTLD_DEFAULT, "malloc_trim"))) {
    call.trim(0);
  }
}

/* Prints what OPS operations that took SECONDS come to. */
__attribute__((unused)) static void bench_result(uint64_t ops, double seconds) {
  dprintf(STDOUT_FILENO, "seconds: %.6f\nops/s: %.0f\nns/op: %.3f\n", seconds,
          (double)ops / seconds, seconds * 1e9 / (double)ops);
}

/* The name of the object that exports NAME to this program; empty when nobody does. */
static inline const char *bench_object_of(const char *name) {
  Dl_info info;
  void *address = dlsym(RTLD_DEFAULT, name);
  if (!address || !dladdr(address, &info) || !info.dli_fname) return "";
  return info.dli_fname;
}

/* Prints the proof of who served this process. */
__attribute__((unused)) static void bench_proof(void) {
  const char *malloc_by = bench_object_of("malloc"), *free_by = bench_object_of("free");
  uint64_t refilled;
  if (hak_counter && hak_counter("front.blocks_refilled", &refilled) == 0)
    dprintf(STDOUT_FILENO, "front.blocks_refilled: %" PRIu64 "\n", refilled);
  if (strcmp(malloc_by, free_by) == 0)
    dprintf(STDOUT_FILENO, "served-by: %s\n", malloc_by);
  else
    dprintf(STDOUT_FILENO, "served-by: malloc %s, free %s\n", malloc_by, free_by);
}

#endif
