#include "os/stderr.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

enum { OUT_OF_THE_WAY = 100 }; /* programs count on low descriptors being handed out in order */

static struct stat original; /* [const] once kept */
static int kept;             /* [const] once kept; -1: there was no stderr */
static bool tried;           /* [const] once kept */

void os_look_for_stderr(void) {
  int saved = errno;
  if (syscall(SYS_fcntl, STDERR_FILENO, F_GETFD) < 0) text_mute = true;
  errno = saved;
}

void os_keep_stderr(void) {
  int saved = errno;
  if (tried && kept >= 0) syscall(SYS_close, kept);
  kept = -1;
  tried = true;
  bool there = syscall(SYS_fstat, STDERR_FILENO, &original) == 0;
  for (int least = OUT_OF_THE_WAY; there && kept < 0 && least; least /= 2) /* RLIMIT_NOFILE */
    kept = (int)syscall(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, least);
  errno = saved;
}

static bool is_original(int fd) {
  struct stat now;
  if (syscall(SYS_fstat, fd, &now) != 0) return false;
  return now.st_dev == original.st_dev && now.st_ino == original.st_ino;
}

bool os_is_kept_stderr(int fd) {
  return tried && fd == kept;
}

int os_stderr(void) {
  int saved = errno;
  int fd = -1;
  if (!tried && !text_mute) os_keep_stderr(); /* a report that nobody announced at start */
  if (kept >= 0 && is_original(kept)) fd = kept;
  if (is_original(STDERR_FILENO)) fd = STDERR_FILENO;
  errno = saved;
  return fd;
}
