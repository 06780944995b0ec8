/* lock - a mutex of four bytes that needs no set-up: zero is free.
 *
 * Owns:     one word, the holder's.
 * Promise:  one holder at a time; a waiter sleeps in the kernel after a short spin.
 * Threads:  any. Not recursive. errno is preserved.
 * Cost:     one atomic exchange each way when nobody waits; none in a process of one thread.
 * Inverse:  lock_take / lock_drop; lock_fork_take / lock_fork_drop.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/atomic.h"

struct lock {
  uint32_t word; /* [any] enum lock_state */
};

enum lock_state {
  LOCK_FREE,
  LOCK_HELD,
  LOCK_WAITED,  /* held, and somebody sleeps */
  LOCK_FORKING, /* held by the thread that forks, which passes through it */
};

void lock_take_slow(struct lock *lock);
void lock_drop_slow(struct lock *lock);

ALWAYS_INLINE void lock_take(struct lock *lock) {
  uint32_t expected = 0;
  WHEN_COUNTING(shared_count_lock(lock));
  if (alone() && LIKELY(ld_rlx(&lock->word) == LOCK_FREE)) {
    st_rlx_any(&lock->word, LOCK_HELD);
    compiler_fence();
    return;
  }
  if (UNLIKELY(!cas_acq(&lock->word, &expected, LOCK_HELD)))
    lock_take_slow(lock); /* pairs: lock_drop */
}

ALWAYS_INLINE bool lock_try(struct lock *lock) {
  uint32_t expected = 0;
  return cas_acq(&lock->word, &expected, LOCK_HELD); /* pairs: lock_drop */
}

ALWAYS_INLINE void lock_drop(struct lock *lock) {
  uint32_t expected = LOCK_HELD;
  if (alone() && LIKELY(ld_rlx(&lock->word) == LOCK_HELD)) {
    compiler_fence();
    st_rlx_any(&lock->word, LOCK_FREE);
    return;
  }
  if (UNLIKELY(!cas_rel(&lock->word, &expected, LOCK_FREE))) lock_drop_slow(lock);
}

/* Before fork: takes the lock so that this thread alone may still pass it, because fork handlers of
 * others that run between ours may allocate. After it, in the parent and the child: frees it. */
void lock_fork_take(struct lock *lock);
void lock_fork_drop(struct lock *lock);

/* The calling thread ends the program, perhaps with locks of its own: where its handler of SIGABRT
 * forks, it waits for none of them for long. */
void lock_abort(void);

/* For asserts: somebody holds it (who, it does not know). */
ALWAYS_INLINE bool lock_held(struct lock *lock) {
  return ld_rlx(&lock->word) != 0;
}

#endif
