#include "base/lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Spins about as long as a critical section lasts (under 100 ns); longer only burns the holder's
 * processor when threads outnumber processors. */
enum { SPINS = 64 };

COLD void lock_take_slow(struct lock *lock) {
  int saved = errno;
  for (int i = 0; i < SPINS; i++) {
    if (ld_rlx(&lock->word) == 0 && lock_try(lock)) return;
    cpu_relax();
  }
  while (swap_acq(&lock->word, 2) != 0) /* pairs: lock_drop */
    syscall(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, NULL);
  errno = saved;
}

COLD void lock_wake(struct lock *lock) {
  int saved = errno;
  syscall(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1);
  errno = saved;
}
