#include "os/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/stderr.h"

int log_open(const char *path) {
  int saved = errno;
  int fd;
  int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY;
  if (*path)
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0666);
  else
    fd = os_stderr();
  errno = saved;
  return fd;
}

void log_close(int fd) {
  int saved = errno;
  if (fd >= 0 && fd != STDERR_FILENO && !os_is_kept_stderr(fd)) syscall(SYS_close, fd);
  errno = saved;
}
