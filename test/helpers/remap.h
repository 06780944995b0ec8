/* remap - mremap is the test's: the system's, until the test sets what comes in its place. */
#ifndef HAK_TEST_REMAP_H
#define HAK_TEST_REMAP_H

#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Called in place of the system: TO is where the mapping is to move, NULL where it is to stay. */
static void *(*remap_instead)(char *to, size_t new_bytes);

void *mremap(void *p, size_t old_bytes, size_t new_bytes, int flags, ...) {
  va_list more;
  char *to;
  va_start(more, flags);
  to = flags & MREMAP_FIXED ? va_arg(more, char *) : NULL;
  va_end(more);
  if (remap_instead) return remap_instead(to, new_bytes);
  return (void *)syscall(SYS_mremap, p, old_bytes, new_bytes, flags, to, 0L); /* NOLINT: address */
}

#endif
