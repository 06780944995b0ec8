/* class - the class table: every size of block, and what follows from it.
 *
 * Owns:     a constant table.
 * Promise:  sizes are multiples of 16 in steps of at most a quarter above 128 bytes; a slab of any
 *           class has at least 8 blocks and at most 4,096.
 * Threads:  any.
 * Cost:     a lookup up to 1 KiB, five instructions above.
 * Inverse:  class_of / class_size.
 */
#ifndef SLAB_CLASS_H
#define SLAB_CLASS_H

#include "base/bits.h"
#include "base/config.h"

struct class_row {
  uint32_t size;      /* bytes of a block */
  uint16_t blocks;    /* of a slab */
  uint8_t units;      /* of a slab */
  uint8_t words;      /* of a slab's bitmap */
  uint64_t magic;     /* offset * magic >> MAGIC_SHIFT == offset / size, for offsets in a slab */
  uint16_t capacity;  /* blocks of a magazine */
  uint16_t threshold; /* free blocks that make an unowned slab worth listing */
};

/* With 40 bits the quotient is exact for offsets below 2^21 and sizes up to 2^18: the error of the
 * rounded reciprocal, below size, times the offset stays below 2^40. test/slab walks all of
 * them. */
enum { MAGIC_SHIFT = 40 };

extern const struct class_row class_table[CLASSES];

/* Twice the class of the sizes 16 * i; a thread keeps its own copy beside its magazines. */
enum { TINY_CODES = TINY_MAX / GRAIN + 1 };
extern const uint8_t class_tiny_codes[TINY_CODES];

/* The class of a size above 1 KiB, up to CLASS_MAX: four steps per doubling.
 * For 1,025..1,280 the highest bit of n-1 is 10 and the two bits below it are 00: class 21. */
ALWAYS_INLINE unsigned class_of_large(size_t n) {
  unsigned high = bit_highest(n - 1);
  return 4 * high + (unsigned)((n - 1) >> (high - 2)) - 23;
}

/* The class of any size up to CLASS_MAX. */
ALWAYS_INLINE unsigned class_of(size_t n) {
  return n <= TINY_MAX ? class_tiny_codes[(n + GRAIN - 1) / GRAIN] / 2 : class_of_large(n);
}

ALWAYS_INLINE size_t class_size(unsigned class) {
  return class_table[class].size;
}

/* The smallest class of at least SIZE bytes whose blocks are all multiples of ALIGN (a power of
 * two, at most a unit), or 0 when there is none. */
unsigned class_of_aligned(size_t size, size_t align);

/* Every size up to CLASS_MAX has the smallest class that holds it. Returns the number that have
 * not. */
int class_check(void);

#endif
