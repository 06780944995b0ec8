/* stderr - where a report at the end of a process goes.
 *
 * Owns:     a duplicate of descriptor 2, taken at start when a report at exit is wanted.
 * Promise:  a report never lands in a file that the program opened under a number that was
 *           stderr's: the descriptor's file is compared with the one of the start.
 * Threads:  os_stderr: any. os_keep_stderr: once, at start.
 * Cost:     two system calls each.
 */
#ifndef OS_STDERR_H
#define OS_STDERR_H

#include <stdbool.h>

/* Remembers what stderr is. Programs such as sort(1) close it before destructors run. */
void os_keep_stderr(void);

/* A descriptor of what stderr was at start, or -1 when there is none any more. */
int os_stderr(void);

/* Is FD the duplicate that is kept? */
bool os_is_kept_stderr(int fd);

#endif
