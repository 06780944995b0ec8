/* map - the slab map: address -> tag of its unit, address -> descriptor of its superslab.
 *
 * Owns:     a root of 4,097 leaf offsets (zero: the leaf of zeros) and the leaves, 4.1 MiB each,
 *           of which only the touched pages are resident.
 * Promise:  every address, also a wild one, has an answer: the tag of what hakmem put there, or 0.
 * Threads:  any may read; whoever holds a unit writes its tag.
 * Cost:     a read is two dependent loads; one leaf per 64 GiB of address space in use.
 * Refuses:  map_cover, when the system refuses a leaf.
 * Inverse:  map_cover / none: a leaf is never given back, since readers take no lock.
 * Invariants: M1: a tag is not 0 exactly for the units of slabs and the first unit of runs and
 *           huge mappings.
 *
 * A tag is owner << 8 | code; the code is twice the class, so that it indexes pairs of words. Codes
 * from TAG_RUN on are no classes; their owner is 0. The owner is a hint: the thread that last took
 * the slab. A wrong hint costs time, never correctness.
 */
#ifndef SUPER_MAP_H
#define SUPER_MAP_H

#include "base/atomic.h"
#include "base/config.h"

typedef uint32_t tag_t;

enum {
  TAG_OWNER_SHIFT = 8,
  TAG_CODE_MASK = 0xff,
  TAG_RUN = 0xfc,
  TAG_HUGE = 0xfe,
  TAG_OWNER_MAX = (1 << 24) - 1,
};

struct leaf {
  tag_t tag[LEAF_UNITS];    /* [any] */
  void *super[LEAF_SUPERS]; /* [any] struct superslab, or struct huge that starts here */
};

struct slab_map {
  uintptr_t root[ROOT_ENTRIES + 1]; /* [any] distance of a leaf from `zero`; the last stays 0 */
  struct leaf zero;                 /* [const] */
};

extern struct slab_map slab_map;

/* The leaf of address P. The bound is a conditional move, not a branch: wild addresses are rare.
 * Relaxed: a new leaf holds zeros, and all that it comes to hold is read and written atomically. */
ALWAYS_INLINE struct leaf *map_leaf(const void *p) {
  uintptr_t i = (uintptr_t)p >> LEAF_SHIFT;
  i = i < ROOT_ENTRIES ? i : ROOT_ENTRIES;
  return (struct leaf *)((uintptr_t)&slab_map.zero + ld_rlx(&slab_map.root[i]));
}

/* Where a leaf of P has its unit, and its 4 MiB. */
ALWAYS_INLINE size_t map_unit(const void *p) {
  return ((uintptr_t)p >> UNIT_SHIFT) % LEAF_UNITS;
}

ALWAYS_INLINE size_t map_place(const void *p) {
  return ((uintptr_t)p >> SUPER_SHIFT) % LEAF_SUPERS;
}

/* What P shares with the addresses of its leaf alone: zero in the bits of a tag. */
ALWAYS_INLINE uintptr_t map_reach(const void *p) {
  return (uintptr_t)p >> LEAF_SHIFT << LEAF_SHIFT;
}

/* The tag of the unit that holds P; 0 when it is not hakmem's. */
ALWAYS_INLINE tag_t map_tag(const void *p) {
  return ld_rlx(&map_leaf(p)->tag[map_unit(p)]);
}

/* The class of a slab's block at P. */
ALWAYS_INLINE unsigned map_class(const void *p) {
  return (map_tag(p) & TAG_CODE_MASK) / 2;
}

/* The descriptor stored for the 4 MiB that hold P, or NULL. */
ALWAYS_INLINE void *map_super(const void *p) {
  /* pairs: map_set_super */
  return ld_acq(&map_leaf(p)->super[map_place(p)]);
}

/* The same for an address that has a tag, so that the root has its leaf. */
ALWAYS_INLINE void *map_super_known(const void *p) {
  uintptr_t leaf = (uintptr_t)&slab_map.zero + ld_rlx(&slab_map.root[(uintptr_t)p >> LEAF_SHIFT]);
  /* pairs: map_set_super */
  return ld_acq(&((struct leaf *)leaf)->super[map_place(p)]);
}

/* Makes sure that P's leaf exists. Returns false and sets *ERROR when the system refuses it. */
bool map_cover(const void *p, int *error);

/* Stores the descriptor of the 4 MiB at P. */
void map_set_super(const void *p, void *descriptor);

/* Tags N units from P on. */
void map_set_tags(const void *p, unsigned n, tag_t tag);

/* The first leaf from entry *I of the root on, or NULL; *I goes behind it. */
struct leaf *map_next(unsigned *i);

/* Bytes of the leaves that exist (address space, not residence). */
size_t map_leaf_bytes(void);

void map_fork_take(void); /* before fork: keeps other threads out; inverse: map_fork_drop */
void map_fork_drop(void);

#endif
