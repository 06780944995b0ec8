/* log - where lines of traces, validation and statistics go.
 *
 * Owns:     nothing; a file is opened for each batch of lines, so that no descriptor is kept.
 * Promise:  the file that is named, else what stderr was at start; never a file that the program
 *           opened under stderr's number.
 * Threads:  any. errno is preserved.
 * Cost:     an open, an fcntl and a close per batch, or a comparison.
 * Inverse:  log_open / log_close.
 */
#ifndef OS_LOG_H
#define OS_LOG_H

#include "base/text.h"

/* A descriptor to write to, or -1. PATH: "" for stderr; "%p" in it is the process's number. */
int log_open(const char *path);

/* ERROR: the errno of what was written to it, or 0; is told on stderr where FD is a file. */
void log_close(int fd, int error);

/* Writes what is left of T, which goes to a descriptor of log_open, and closes that. */
void log_end(struct text *t);

#endif
