/* slabs - what the tests of the pool share. */
#ifndef HAK_TEST_SLABS_H
#define HAK_TEST_SLABS_H

#include "pool/pool.h"
#include "test.h"

/* Lets go of a slab of the caller's if all its blocks are free, and tells whether it did. */
static inline bool let_go_if_empty(struct slab *slab) {
  uint32_t state = ld_rlx(&slab->state);
  if (slab_count(state) != class_table[slab_class(state)].blocks) return false;
  pool_let_go(slab);
  return true;
}

/* Returns the blocks FROM..FROM+N-1; whether the slab became empty and its units went back. */
static inline bool return_blocks(struct slab *slab, unsigned from, unsigned n) {
  bool empty = false;
  for (unsigned i = from; i < from + n; i++) {
    CHECK(!slab_return_any(slab, i / 64, (uint64_t)1 << i % 64));
    empty = pool_settle_any(slab, slab_count_returned_any(slab, 1), 1);
  }
  return empty;
}

/* Claims N blocks of a slab that the caller owns. */
static inline void claim_some(struct slab *slab, unsigned n) {
  static void *out[64 * SLAB_WORDS];
  CHECK(slab_claim(slab, out, n) == n);
}

#endif
