/* process - what the system says of this process: environment, limits, size, name.
 *
 * Owns:     nothing.
 * Promise:  answers also before libc's constructors ran; never allocates. errno is preserved.
 * Threads:  any.
 * Cost:     a few system calls at most; never on a path that allocates.
 */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include "base/config.h"

/* The environment, NULL-terminated; NULL when it cannot be found yet. */
char **os_environment(void);

/* pthread_atfork, of which an empty process sees less. */
void os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* libc's lock of the list of its streams, which its fork takes after all handlers. Whoever holds it
 * waits for streams, and whoever holds a stream may allocate: so it is taken before any lock of
 * ours. Its holder may take it again; in the child fork itself makes it new. */
void os_streams_lock(void);
void os_streams_unlock(void);

/* Is this a set-user-ID or otherwise privileged program, whose environment is not to be trusted? */
bool os_secure(void);

size_t os_page_size(void);        /* bytes */
unsigned os_processors(void);     /* that this process may run on; at least 1 */
uint64_t os_nanoseconds(void);    /* monotonic */
uint64_t os_milliseconds(void);   /* monotonic, to some 4 ms; without a system call where it can */
unsigned os_thread_id(void);
unsigned os_process_id(void);

/* Each other thread of this process that runs passes a full memory barrier before this returns; one
 * that does not has passed one. False: the system cannot. */
bool os_barrier(void);

/* Where the system gives huge pages. */
enum huge_pages { HUGE_PAGES_NEVER, HUGE_PAGES_ASKED, HUGE_PAGES_ALWAYS };
enum huge_pages os_huge_pages_given(void);

/* Has the C library begun to take the calling thread apart, behind all destructors? It blocks a
 * signal of its own then, which the program cannot block. */
bool os_thread_ends(void);

void os_name_thread(const char *name); /* the calling one */
void os_program_name(char name[16]); /* without its path, cut, terminated */
size_t os_resident_bytes(void);   /* 0 when /proc is not there */

/* Not in a fully static program: there the unwinder allocates, under a lock of its own. */
bool os_may_unwind(void);

/* Is the byte at P in a mapping of this process? */
bool os_is_mapped(const void *p);

/* Is a shared object loaded whose file name contains NAME? */
bool os_is_loaded(const char *name);

/* Finds the segment of a shared object that holds P. Returns false in the program itself. */
bool os_object_data(const void *p, uintptr_t *start, size_t *bytes);

/* Is P in the heap that sbrk(2) manages? libc's own main heap lies there. */
bool os_in_break_heap(const void *p);

#endif
