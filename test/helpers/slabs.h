/* slabs - what the tests of the pool share. */
#ifndef HAK_TEST_SLABS_H
#define HAK_TEST_SLABS_H

#include "pool/pool.h"

/* Lets go of a slab of the caller's if all its blocks are free, and tells whether it did. */
static inline bool let_go_if_empty(struct slab *slab) {
  uint32_t state = ld_rlx(&slab->state);
  if (slab_count(state) != class_table[slab_class(state)].blocks) return false;
  pool_let_go(slab);
  return true;
}

#endif
