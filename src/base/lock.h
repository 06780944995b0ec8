/* lock - a mutex of four bytes that needs no set-up: zero is free.
 *
 * Owns:     one word, the holder's.
 * Promise:  one holder at a time; a waiter sleeps in the kernel after a short spin.
 * Threads:  any. Not recursive. errno is preserved.
 * Cost:     one atomic exchange each way when nobody waits.
 * Inverse:  lock_take / lock_drop.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/atomic.h"

struct lock {
  uint32_t word; /* [any] 0 free, 1 held, 2 held and somebody sleeps */
};

void lock_take_slow(struct lock *lock);
void lock_wake(struct lock *lock);

ALWAYS_INLINE void lock_take(struct lock *lock) {
  uint32_t expected = 0;
  if (UNLIKELY(!cas_acq(&lock->word, &expected, 1))) lock_take_slow(lock); /* pairs: lock_drop */
}

ALWAYS_INLINE bool lock_try(struct lock *lock) {
  uint32_t expected = 0;
  return cas_acq(&lock->word, &expected, 1); /* pairs: lock_drop */
}

ALWAYS_INLINE void lock_drop(struct lock *lock) {
  if (UNLIKELY(swap_rel(&lock->word, 0) == 2)) lock_wake(lock); /* pairs: lock_take */
}

/* For asserts: somebody holds it (who, it does not know). */
ALWAYS_INLINE bool lock_held(struct lock *lock) {
  return ld_rlx(&lock->word) != 0;
}

#endif
