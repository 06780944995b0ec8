#include "base/futex.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* As in <linux/futex.h>, which is not everywhere: the words of the futex(2) interface. */
enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

void futex_sleep(uint32_t *word, uint32_t value, uint64_t ms) {
  struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
  int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, ms == FUTEX_FOREVER ? NULL : &time);
  errno = saved;
}

void futex_wake(uint32_t *word, int most) {
  int saved = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, most);
  errno = saved;
}
