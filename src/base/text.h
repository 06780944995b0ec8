/* text - lines of text without malloc, stdio or locale.
 *
 * Owns:     a fixed buffer on its caller's stack.
 * Promise:  never writes past the buffer; what does not fit is cut, the rest stays readable.
 * Threads:  any, each with its own buffer. Async-signal-safe. errno is preserved.
 * Cost:     one write(2) per text_flush.
 * Inverse:  text_start / text_flush.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/config.h"

struct text {
  size_t used;
  int fd;          /* where text_flush writes; -1: keep in the buffer */
  int error;       /* of the first write(2) that failed, or 0 */
  char data[1000]; /* one write of up to PIPE_BUF bytes is not mixed with other writers' */
};

void text_start(struct text *t, int fd);
void text_str(struct text *t, const char *s);
void text_chars(struct text *t, const char *s, size_t n);
void text_u64(struct text *t, uint64_t n);
void text_field(struct text *t, const char *before, uint64_t n);
void text_hex(struct text *t, uint64_t n);
/* N as a decimal number with two digits after the point; N is in hundredths. */
void text_hundredths(struct text *t, uint64_t n);
/* Blanks up to column COLUMN of the line that began at offset START. */
void text_pad(struct text *t, size_t start, size_t column);
/* N right-aligned in WIDTH columns. */
void text_u64_right(struct text *t, uint64_t n, unsigned width);
/* Writes what is buffered to the descriptor. */
void text_flush(struct text *t);

/* On terminated strings, as libc has them: each name of libc's is looked up at every start. */
bool text_same(const char *a, const char *b);
bool text_begins(const char *s, const char *with);
/* How many characters stand before the first of those in STOPS, or before the end. */
size_t text_until(const char *s, const char *stops);

/* Where a report goes: descriptor 2, or -1 where that was closed when the program started. */
int text_stderr(void);
extern bool text_mute; /* [const] once started: it was closed */

/* A report: "hakmem: " and the message as one line on stderr. */
void text_report(const char *message);

/* Begins the line of a *_check that failed: "hakmem: check: WHAT", and " at AT" unless NULL. The
 * caller may add to it, and flushes. */
void text_violation(struct text *t, const char *what, const void *at);
/* The whole line. Returns 1, the number of violations. */
int text_violated(const char *what, const void *at);
extern bool text_look_again; /* [lock decay] such lines are not written: others were at work */

/* Ends the process after one line on stderr; ADDRESS is shown unless NULL. */
__attribute__((noreturn)) void text_die(const char *message, const void *address);

__attribute__((noreturn)) void assert_failed(const char *what, const char *where, int line);

/* ASSERT holds always-cheap invariants; ASSERT_DEBUG those that cost. */
#define ASSERT(x) ((x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))
#define ASSERT_DEBUG(x) (DEBUG_LEVEL < 1 || (x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))

#endif
