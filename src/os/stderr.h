/* stderr - where a report at the end of a process goes.
 *
 * Owns:     text_mute; a duplicate of descriptor 2, taken at start for a report at exit.
 * Promise:  a report never lands in a file that the program opened under a number that was
 *           stderr's: the descriptor's file is compared with the one of the start.
 * Threads:  os_stderr: any. The others: once, at start.
 * Cost:     one or two system calls each.
 */
#ifndef OS_STDERR_H
#define OS_STDERR_H

#include <stdbool.h>

/* Is there a stderr? If not, what the program opens under its number gets no line at all. */
void os_look_for_stderr(void);

/* Remembers what stderr is. Programs such as sort(1) close it before destructors run. */
void os_keep_stderr(void);

/* A descriptor of what stderr was at start, or -1 when there is none any more. */
int os_stderr(void);

/* Is FD the duplicate that is kept? */
bool os_is_kept_stderr(int fd);

#endif
