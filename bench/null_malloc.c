/* null_malloc - what do the loop and the calls of pairs.c and budget.c cost by themselves?
 *
 * A shared object to preload into those two and into nothing else, and not into threads: malloc and
 * its kin give the same block every time, realloc the block it was given, and free does nothing,
 * each with the fewest instructions that a function can have.
 */
#include <stdlib.h>

/* Large enough for what else a starting C program may put there. */
static _Alignas(64) char block[1 << 20];

void *malloc(size_t size) {
  (void)size;
  return block;
}

void *calloc(size_t n, size_t size) {
  (void)n;
  (void)size;
  return block;
}

void *aligned_alloc(size_t align, size_t size) {
  (void)align;
  (void)size;
  return block;
}

void *realloc(void *p, size_t size) {
  (void)size;
  return p;
}

void free(void *p) {
  (void)p;
}
