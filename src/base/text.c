#include "base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/lock.h"

bool text_mute;
bool text_look_again;

int text_stderr(void) {
  return text_mute ? -1 : STDERR_FILENO;
}

void text_start(struct text *t, int fd) {
  t->used = 0;
  t->fd = fd;
  t->error = 0;
}

void text_chars(struct text *t, const char *s, size_t n) {
  if (n > sizeof t->data - t->used && t->fd >= 0) text_flush(t);
  if (n > sizeof t->data - t->used) n = sizeof t->data - t->used;
  memcpy(t->data + t->used, s, n);
  t->used += n;
}

void text_str(struct text *t, const char *s) {
  text_chars(t, s, strlen(s));
}

bool text_begins(const char *s, const char *with) {
  for (; *with; s++, with++)
    if (*s != *with) return false;
  return true;
}

bool text_same(const char *a, const char *b) {
  return text_begins(a, b) && text_begins(b, a);
}

size_t text_until(const char *s, const char *stops) {
  size_t n = 0;
  for (; s[n]; n++)
    for (const char *stop = stops; *stop; stop++)
      if (s[n] == *stop) return n;
  return n;
}

static size_t digits_of(uint64_t n, unsigned base, char *end) {
  char *p = end;
  do {
    *--p = "0123456789abcdef"[n % base];
    n /= base;
  } while (n);
  return (size_t)(end - p);
}

void text_u64(struct text *t, uint64_t n) {
  char digits[24];
  size_t length = digits_of(n, 10, digits + sizeof digits);
  text_chars(t, digits + sizeof digits - length, length);
}

void text_hex(struct text *t, uint64_t n) {
  char digits[24];
  size_t length = digits_of(n, 16, digits + sizeof digits);
  text_str(t, "0x");
  text_chars(t, digits + sizeof digits - length, length);
}

void text_field(struct text *t, const char *before, uint64_t n) {
  text_str(t, before);
  text_u64(t, n);
}

void text_hundredths(struct text *t, uint64_t n) {
  char rest[3] = {'.', (char)('0' + n / 10 % 10), (char)('0' + n % 10)};
  text_u64(t, n / 100);
  text_chars(t, rest, sizeof rest);
}

void text_pad(struct text *t, size_t start, size_t column) {
  while (t->used - start < column && t->used < sizeof t->data) t->data[t->used++] = ' ';
}

void text_u64_right(struct text *t, uint64_t n, unsigned width) {
  char digits[24];
  size_t length = digits_of(n, 10, digits + sizeof digits);
  for (size_t i = length; i < width; i++) text_str(t, " ");
  text_chars(t, digits + sizeof digits - length, length);
}

/* A pipe that nobody reads must not end a program for a report: its SIGPIPE is taken back. Not by
 * libc's functions: they are cancellation points, which malloc and free must not be. */
static ssize_t write_unsignalled(int fd, const char *p, size_t bytes) {
  uint64_t broken = (uint64_t)1 << (SIGPIPE - 1);
  uint64_t before = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &broken, &before, sizeof broken);
  ssize_t n = syscall(SYS_write, fd, p, bytes);
  int error = errno;
  if (n < 0 && error == EPIPE && !(before & broken))
    syscall(SYS_rt_sigtimedwait, &broken, NULL, &(struct timespec){0}, sizeof broken);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
  errno = error;
  return n;
}

void text_flush(struct text *t) {
  int saved = errno;
  size_t done = 0;
  while (t->fd >= 0 && done < t->used) {
    ssize_t n = write_unsignalled(t->fd, t->data + done, t->used - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) { /* nobody reads: a report is not worth a loop */
      if (!t->error) t->error = n < 0 ? errno : EIO;
      break;
    }
    done += (size_t)n;
  }
  t->used = 0;
  errno = saved;
}

COLD void text_report(const char *message) {
  struct text t;
  text_start(&t, text_stderr());
  text_str(&t, "hakmem: ");
  text_str(&t, message);
  text_str(&t, "\n");
  text_flush(&t);
}

COLD void text_violation(struct text *t, const char *what, const void *at) {
  text_start(t, text_look_again ? -1 : text_stderr());
  text_str(t, "hakmem: check: ");
  text_str(t, what);
  if (!at) return;
  text_str(t, " at ");
  text_hex(t, (uintptr_t)at);
}

COLD int text_violated(const char *what, const void *at) {
  struct text t;
  text_violation(&t, what, at);
  text_str(&t, "\n");
  text_flush(&t);
  return 1;
}

/* Ends the line and the program. */
_Noreturn static void die(struct text *t) {
  text_str(t, "\n");
  text_flush(t);
  lock_abort();
  abort();
}

COLD void text_die(const char *message, const void *address) {
  struct text t;
  text_start(&t, text_stderr());
  text_str(&t, "hakmem: ");
  text_str(&t, message);
  if (address) {
    text_str(&t, ": ");
    text_hex(&t, (uintptr_t)address);
  }
  die(&t);
}

COLD void assert_failed(const char *what, const char *where, int line) {
  struct text t;
  text_start(&t, text_stderr());
  text_str(&t, "hakmem: internal error: ");
  text_str(&t, what);
  text_str(&t, " does not hold at ");
  text_str(&t, where);
  text_field(&t, ":", (uint64_t)line);
  die(&t);
}
