/* cache - blocks between a thread's magazines and outbox and their slabs.
 *
 * Owns:     nothing; works on its caller's thread.
 * Promise:  every block that leaves the backend passes cache_issue. A flush counts all blocks of
 *           one slab with one atomic addition, whatever their number.
 * Threads:  the owner of the thread it is given.
 * Cost:     a refill: two atomic operations per up to 64 blocks; a flush: per slab and word.
 * Refuses:  what the pool refuses.
 * Inverse:  cache_refill / cache_flush.
 * Gauges:   front.refills, front.flushes, front.remote_*.
 */
#ifndef FRONT_CACHE_H
#define FRONT_CACHE_H

#include "front/thread.h"

/* The only way by which blocks leave a slab: up to WANT of CLASS into OUT, the lowest address
 * last. */
unsigned cache_issue(struct thread *t, unsigned class, void **out, unsigned want,
                     struct refusal *why);

/* Gives one block of CLASS, refilling the magazine if it is empty. The gate is open. */
void *cache_pop(struct thread *t, unsigned class, struct refusal *why);

/* Takes one block of the thread's own slabs, flushing the older half if the magazine is full. */
void cache_push(struct thread *t, unsigned class, void *p);

/* Is P, of another thread's slab, to be cached like an own block? A large one of a slab that nobody
 * owns is, and the blocks of its unit are the thread's own from now on. */
bool cache_take_over(struct thread *t, unsigned class, void *p);

/* Puts one block of another thread's slab into the outbox; false where there is no room for it. */
ALWAYS_INLINE bool cache_post(struct thread *t, unsigned class, void *p) {
  size_t size = class_size(class);
  unsigned n = t->out_blocks;
  if (n == OUTBOX_MAX || size > OUTBOX_BLOCK_MAX || t->out_bytes + size > t->out_most) return false;
  st_rlx(&t->out[n], p);
  t->out_bytes += size;
  /* I6: in a forked child the slot is filled before the count says so; pairs: take_outbox */
  st_rel_own(&t->out_blocks, n + 1);
  return true;
}

/* Takes one block of another thread's slab; what is in a full outbox returns before. */
void cache_push_remote(struct thread *t, unsigned class, void *p);

/* After a run or a huge mapping went back: where the program shrinks, what is cached does, too. */
void cache_given(struct thread *t);

/* Bytes that came into use by T since it was last asked, less those that went. */
ptrdiff_t cache_moved(struct thread *t);

/* Lets go of the current slab of a class, if there is one. */
void cache_let_go(struct thread *t, unsigned class);

/* Blocks of one slab among those that a flush returns, chained by index. */
struct group {
  uintptr_t slab;  /* the number of its unit, or where it has several, its descriptor */
  uint16_t first;  /* index of a block */
  uint16_t blocks;
  uint16_t next;   /* group of the same bucket, plus 1 */
};

enum { SORTER_BUCKETS = 64 };

/* Where a thread gathers blocks on their way back and sorts them by slab: much for a stack, of
 * which a coroutine may have 8 KiB. */
struct sorter {
  void *out[FLUSH_MAX];            /* what leaves a magazine */
  uint16_t bucket[SORTER_BUCKETS]; /* group plus 1; 0: none */
  unsigned groups;
  uint16_t chain[OUTBOX_MAX];      /* next block of the same group */
  struct group group[OUTBOX_MAX];
} ALIGNED(64);

/* The compiler copies and clears with fewer instructions what it knows to be aligned. */
ALWAYS_INLINE struct sorter *thread_sorter(const struct thread *t) {
  return __builtin_assume_aligned(t->sorter, 64);
}

/* The first of its MAGAZINE_MIDDLE middle slots, behind the sorter. */
ALWAYS_INLINE void **thread_middle(const struct thread *t, unsigned class) {
  return (void **)(void *)(t->sorter + 1) + (size_t)class * (MAGAZINE_MIDDLE + 1) + 1;
}

/* Returns N blocks of CLASS to their slabs; with 0 of any classes, of which it finds together what
 * lies in one unit. */
void cache_return(struct thread *t, unsigned class, void **blocks, unsigned n);

/* Returns all that the thread caches and lets go of its slabs. */
void cache_empty(struct thread *t);

#endif
