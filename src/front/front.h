/* front - every way of a block in and out that is not a hit.
 *
 * Owns:     nothing; the thread's caches are in `thread`.
 * Promise:  serves every size, in any state of the thread: unborn, living, ended. A refusal is
 *           recorded before NULL is returned.
 * Threads:  any. errno is preserved.
 * Cost:     a class and its refill; a lock for runs; a system call for huge blocks.
 * Refuses:  what pool and system refuse, after caches were dropped and all was tried again.
 * Inverse:  front_alloc / front_free.
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "diag/option.h"
#include "front/cache.h"

/* Gives a block of at least SIZE bytes, or NULL. *ZEROED (may be NULL) tells whether it is known to
 * be 0. */
void *front_alloc(size_t size, bool *zeroed);

/* The same for who can do without: a NULL is neither recorded nor told. */
void *front_try(size_t size);

/* As front_alloc, at a multiple of ALIGN, a power of two. */
void *front_alloc_aligned(size_t align, size_t size);

/* Takes a block back. False when the address is not hakmem's. Ends the process when it is, but is
 * not a block in use. */
bool front_free(void *p);

/* Usable bytes of a block; 0 when the address is not hakmem's. */
size_t front_usable(const void *p);

/* Makes a block fit SIZE bytes without copying: in place, or by moving pages. NULL when that cannot
 * be; the block is then as it was. */
void *front_resize(void *p, size_t size);

/* Does a mode keep the sizes asked for? Then validate_asked is to be told those of blocks that stay
 * where they are. */
ALWAYS_INLINE bool front_keeps_sizes(void) {
  return UNLIKELY(option(OPT_VALIDATE));
}

/* Makes the calling thread's gates what the options in force want. */
void front_regate(void);

/* Flushes the calling thread's caches, and those that serve threads without; and takes what other
 * threads cache, but for the last block of each magazine and the outboxes. */
void front_flush(void);

/* The boxes of this room. Returns the number of violations. */
int front_check(void);

/* The short way of a block of another thread's slab. CODE is its tag without the owner that GATES
 * have. False: it takes the long one. */
ALWAYS_INLINE bool front_post(struct gates *gates, void *p, size_t code) {
  struct thread *t = (struct thread *)(void *)gates; /* where it has an owner tag */
  size_t class = (code & TAG_CODE_MASK) / 2;
  if (code < CODES || class - 1 >= CLASSES - 1 || !gates->owner_tag || t->closed) return false;
  return cache_post(t, (unsigned)class, p);
}

/* The hit path of free: false when the gate is closed or the magazine full, and where CODE, P's tag
 * without the owner that GATES have, is no class's. */
ALWAYS_INLINE bool front_push(struct gates *gates, void *p, size_t code) {
  struct mag *mag = (struct mag *)(void *)((char *)gates->mag + code * (sizeof(struct mag) / 2));
  void **top;
  if (UNLIKELY(code >= CODES)) return false;
  top = ld_rlx(&mag->top);
  if (UNLIKELY(top == mag->limit)) return false;
  st_rlx(top, p);
  /* I6: in a forked child the slot is filled before the top says so; pairs: collect's ld_acq */
  st_rel_own(&mag->top, top + 1);
  prefetch_write(p);
  return true;
}

/* The hit path of malloc: a block, or NULL when the gate is closed or the magazine empty, or where
 * another thread took the block. */
ALWAYS_INLINE void *front_pop(struct gates *gates, size_t code) {
  struct mag *mag = (struct mag *)(void *)((char *)gates->mag + code * (sizeof(struct mag) / 2));
  void **top = ld_rlx(&mag->top);
  void *p = ld_rlx(&top[-1]);
  if (UNLIKELY(!p)) return NULL;
  prefetch_write(ld_rlx(&top[-2]));
  st_rlx(&mag->top, top - 1);
  return p;
}

/* As front_pop. What is above TINY_MAX is popped only so: then whoever takes what a sleeping thread
 * caches takes the last block, too. */
ALWAYS_INLINE void *front_pop_told(struct gates *gates, size_t code) {
  bool *pops = gates->pops;
  void *p;
  st_rlx(pops, true);
  compiler_fence(); /* before the block is loaded, for whoever calls os_barrier: pairs: sift */
  p = front_pop(gates, code);
  st_rel_own(pops, false);
  return p;
}

#endif
