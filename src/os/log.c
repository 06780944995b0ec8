#include "os/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cc.h"
#include "os/process.h"
#include "os/stderr.h"

COLD static void complain(const char *what, const char *path, int error, const char *hence) {
  struct text t;
  text_start(&t, os_stderr());
  text_str(&t, "hakmem: HAKMEM_LOG: cannot ");
  text_str(&t, what);
  text_str(&t, path);
  text_field(&t, " (errno ", (uint64_t)error);
  text_str(&t, hence);
  text_flush(&t);
}

/* PATH, with the process's number for each "%p". */
static void put_path(struct text *t, const char *path) {
  text_start(t, -1);
  while (*path) {
    size_t n = text_until(path, "%");
    bool number = text_begins(path + n, "%p");
    text_chars(t, path, n + (path[n] && !number));
    if (number) text_u64(t, os_process_id());
    path += n + (path[n] != 0) + number;
  }
  t->data[t->used] = 0;
}

/* O_NONBLOCK for the open alone: a FIFO that nobody reads must not hold the program up, a full one
 * must not lose lines. */
int log_open(const char *path) {
  int saved = errno;
  int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  struct text full;
  int fd;
  if (!*path) return os_stderr();
  put_path(&full, path);
  fd = (int)syscall(SYS_openat, AT_FDCWD, full.data, flags, 0666);
  if (fd == STDERR_FILENO) { /* which the program has closed: its next file gets it, not ours */
    fd = (int)syscall(SYS_fcntl, STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    syscall(SYS_close, STDERR_FILENO);
  }
  if (fd >= 0) {
    syscall(SYS_fcntl, fd, F_SETFL, O_APPEND);
  } else {
    int error = errno;
    fd = os_stderr();
    complain("open ", full.data, error, "): what follows goes to stderr\n");
  }
  errno = saved;
  return fd;
}

void log_close(int fd, int error) {
  int saved = errno;
  if (fd >= 0 && fd != text_stderr() && !os_is_kept_stderr(fd)) {
    syscall(SYS_close, fd);
    if (error) complain("write to the file", "", error, "): what was to go there is lost\n");
  }
  errno = saved;
}

void log_end(struct text *t) {
  text_flush(t);
  log_close(t->fd, t->error);
}
