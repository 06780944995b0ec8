/* lines - the small files of /proc and /sys, line by line.
 *
 * Owns:     a descriptor between open and close; the rest is its caller's.
 * Promise:  allocates nothing. What does not fit of a line is dropped, and `cut` says so. A read
 *           that fails is the end: the line it tears is not handed out, and `failed` says so.
 * Threads:  any, each with its own struct. By the raw system calls: libc's are cancellation points,
 *           which malloc and free must not be. errno is not preserved.
 * Cost:     a read(2) per 512 bytes.
 * Refuses:  lines_open, where there is no such file or its path is too long.
 * Inverse:  lines_open / lines_close.
 */
#ifndef OS_LINES_H
#define OS_LINES_H

#include "base/config.h"

enum { LINES_MOST = 512 }; /* bytes; the longest path, and what is kept of a line */

/* Where a file is: ROOT, then the first LENGTH bytes of DIRECTORY, then its name. */
struct place {
  const char *root;
  const char *directory;
  size_t length;
};

struct lines {
  int fd;
  size_t at;
  size_t have;
  bool cut;              /* the line was longer than what is kept of it */
  bool failed;           /* the file could not be read to its end */
  char line[LINES_MOST]; /* without its end, terminated */
  char data[512]; /* of the file: much for a stack, of which a coroutine may have 8 KiB */
};

bool lines_open(struct lines *l, const struct place *at, const char *file);
bool lines_next(struct lines *l); /* false at the end */
void lines_close(struct lines *l);

/* Appends PART to a path at *USED and a terminator. Returns false when they do not fit. */
bool lines_append(char path[LINES_MOST], size_t *used, const char *part);

#endif
