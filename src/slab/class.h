/* class - the class table: every size of block, and what follows from it.
 *
 * Owns:     a constant table.
 * Promise:  sizes are multiples of 16 in steps of at most a quarter above 128 bytes, of at most an
 *           eighth from 1 to 8 KiB; a slab of any class has at least 8 blocks and at most 4,096.
 * Threads:  any.
 * Cost:     a lookup.
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

/* Twice the class of the sizes 128 * i, above 1 KiB. */
enum { GRAIN_ABOVE = 128, CODES_ABOVE = CLASS_MAX / GRAIN_ABOVE + 1 };
extern const uint8_t class_codes_above[CODES_ABOVE];

/* Twice the class of a size above 1 KiB, up to CLASS_MAX. */
ALWAYS_INLINE size_t class_code_above(size_t n) {
  return class_codes_above[(n + GRAIN_ABOVE - 1) / GRAIN_ABOVE];
}

/* Twice the class of any size up to CLASS_MAX. */
ALWAYS_INLINE size_t class_code(size_t n) {
  if (n <= TINY_MAX) return class_tiny_codes[(n + GRAIN - 1) / GRAIN];
  return class_code_above(n);
}

ALWAYS_INLINE unsigned class_of(size_t n) {
  return (unsigned)class_code(n) / 2;
}

ALWAYS_INLINE size_t class_size(unsigned class) {
  return class_table[class].size;
}

/* Twice the smallest class of at least SIZE bytes whose blocks are all multiples of ALIGN (a power
 * of two, at most a unit), or 0 when there is none. No search: where the steps of the table are
 * narrower than ALIGN they divide it, so that a multiple of ALIGN is a class itself; where they are
 * wider, every class is a multiple. */
ALWAYS_INLINE size_t class_code_aligned(size_t size, size_t align) {
  if (UNLIKELY(size > CLASS_MAX || align > UNIT_SIZE)) return 0;
  return class_code(round_up(size ? size : 1, align));
}

/* Every size up to CLASS_MAX has the smallest class that holds it. Returns the number that have
 * not. */
int class_check(void);

#endif
