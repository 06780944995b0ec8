/* null_malloc - what do the loop and the calls of pairs.c cost by themselves?
 *
 * A shared object to preload into pairs.c and into nothing else: malloc gives the same block every
 * time and free does nothing, each with the fewest instructions that a function can have.
 */
#include <stdlib.h>

/* Large enough for what else a starting C program may put there. */
static _Alignas(64) char block[1 << 20];

void *malloc(size_t size) {
  (void)size;
  return block;
}

void free(void *p) {
  (void)p;
}
