#include "base/lock.h"

#include <limits.h>
#include <pthread.h>

#include "base/futex.h"

/* Spins about as long as a critical section lasts (under 100 ns); longer only burns the holder's
 * processor when threads outnumber processors. */
enum { SPINS = 64 };

/* The thread that is between its fork handlers. Not the kernel's id: that one is another in the
 * child. [any] relaxed: only the thread itself needs to see its own. */
static pthread_t forking_thread;

/* Who ends the program. [any] relaxed, likewise. */
static pthread_t aborting_thread;

enum { ABORT_PATIENCE_MS = 50 }; /* a lock that is not free by then is its own */

/* One step towards the lock: true when it is taken, or passed. */
static bool take_or_sleep(struct lock *lock) {
  uint32_t word = ld_rlx(&lock->word);
  if (word == LOCK_FREE) return cas_acq(&lock->word, &word, LOCK_WAITED); /* pairs: lock_drop */
  if (word == LOCK_HELD && !cas_acq(&lock->word, &word, LOCK_WAITED)) return false;
  if (word == LOCK_FORKING && ld_rlx(&forking_thread) == pthread_self()) return true;
  futex_sleep(&lock->word, word == LOCK_FORKING ? LOCK_FORKING : LOCK_WAITED, FUTEX_FOREVER);
  return false;
}

COLD void lock_take_slow(struct lock *lock) {
  for (int i = 0; i < SPINS; i++) {
    if (ld_rlx(&lock->word) == LOCK_FREE && lock_try(lock)) return;
    cpu_relax();
  }
  while (!take_or_sleep(lock)) continue;
}

/* Somebody sleeps, or this thread passed a lock that stays its own until the fork is over. */
COLD void lock_drop_slow(struct lock *lock) {
  if (ld_rlx(&lock->word) == LOCK_FORKING) return;
  st_rel(&lock->word, LOCK_FREE); /* pairs: lock_take */
  futex_wake(&lock->word, 1);
}

COLD void lock_abort(void) {
  st_rlx(&aborting_thread, pthread_self());
}

static void take_for_a_while(struct lock *lock) {
  for (int ms = 0; ms < ABORT_PATIENCE_MS && !lock_try(lock); ms++)
    futex_sleep(&lock->word, ld_rlx(&lock->word), 1);
}

void lock_fork_take(struct lock *lock) {
  if (UNLIKELY(ld_rlx(&aborting_thread) == pthread_self())) take_for_a_while(lock);
  else lock_take(lock);
  st_rlx(&forking_thread, pthread_self());
  st_rlx(&lock->word, LOCK_FORKING);
}

/* Whoever slept before the fork, or during it, looks again. */
void lock_fork_drop(struct lock *lock) {
  st_rel(&lock->word, LOCK_FREE); /* pairs: lock_take */
  futex_wake(&lock->word, INT_MAX);
}
