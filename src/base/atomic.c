#include "base/atomic.h"

static const char unknown;

const char *alone_flag = &unknown;

/* glibc's, since 2.32. */
extern char __libc_single_threaded WEAK;

void alone_ask(void) {
  if (&__libc_single_threaded) alone_flag = &__libc_single_threaded;
}
