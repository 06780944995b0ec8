#include "os/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool append(char path[LINES_MOST], size_t *used, const char *part, size_t n) {
  if (n >= LINES_MOST - *used) return false;
  for (size_t i = 0; i < n; i++) path[(*used)++] = part[i];
  path[*used] = 0;
  return true;
}

bool lines_append(char path[LINES_MOST], size_t *used, const char *part) {
  return append(path, used, part, strlen(part));
}

bool lines_open(struct lines *l, const struct place *at, const char *file) {
  size_t used = 0;
  l->at = l->have = 0;
  l->failed = false;
  if (!lines_append(l->line, &used, at->root)) return false;
  if (!append(l->line, &used, at->directory, at->length)) return false;
  if (!lines_append(l->line, &used, file)) return false;
  l->fd = (int)syscall(SYS_openat, AT_FDCWD, l->line, O_RDONLY | O_CLOEXEC);
  return l->fd >= 0;
}

void lines_close(struct lines *l) {
  syscall(SYS_close, l->fd);
}

/* The next byte, or -1 at the end. What follows an error is not read: its line would be torn. */
static int next_byte(struct lines *l) {
  long n;
  if (l->at < l->have) return (unsigned char)l->data[l->at++];
  if (l->failed) return -1;
  do n = syscall(SYS_read, l->fd, l->data, sizeof l->data);
  while (n < 0 && errno == EINTR);
  l->failed = n < 0;
  if (n <= 0) return -1;
  l->have = (size_t)n;
  l->at = 1;
  return (unsigned char)l->data[0];
}

bool lines_next(struct lines *l) {
  size_t n = 0;
  int c = next_byte(l);
  l->cut = false;
  if (c < 0) return false;
  for (; c >= 0 && c != '\n'; c = next_byte(l)) {
    if (n < LINES_MOST - 1) l->line[n++] = (char)c;
    else l->cut = true;
  }
  l->line[n] = 0;
  return !l->failed;
}
