/* overlapping - an allocator that is broken on purpose: each block begins within the one before.
 *
 * To be preloaded into the benchmark programs, each of which must notice. The first bytes of a
 * block lie on the last byte of the block before, and blocks of up to eight bytes are all the
 * same; aligned blocks are not aligned, and memory from calloc(1, n) is not zeroed.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA ((size_t)1 << 36) /* bytes of address space; a tiny run writes to few of them */

static uint8_t *arena;
static size_t used; /* added to by any thread */

/* Runs before the program has threads. */
static void arena_open(void) {
  if (!arena)
    arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (arena == MAP_FAILED) abort();
}

static void *take(size_t step) {
  size_t at;
  arena_open();
  at = __atomic_fetch_add(&used, step, __ATOMIC_RELAXED);
  return at + step < ARENA ? arena + at : NULL;
}

void *malloc(size_t size) {
  return take((size - 1) & ~(size_t)7);
}

void free(void *p) {
  (void)p;
}

/* Sound for the arrays of threads' own data, which the dynamic linker gets from here. */
void *calloc(size_t count, size_t size) {
  return count == 1 ? malloc(size) : take((count * size + 31) & ~(size_t)15);
}

/* It does not know the old size, but all behind P is readable. */
void *realloc(void *p, size_t size) {
  void *copy = malloc(size);
  if (p && copy) memmove(copy, p, size);
  return copy;
}

int posix_memalign(void **p, size_t alignment, size_t size) {
  (void)alignment;
  *p = malloc(size);
  return *p ? 0 : 12; /* ENOMEM */
}
