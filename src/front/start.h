/* start - what is done once, before the first block is given.
 *
 * Owns:     the key whose destructor ends threads; what the options mean for the front.
 * Promise:  options are in force before any thread is born, also when libc's own start-up asks for
 *           memory before constructors run.
 * Threads:  any.
 * Cost:     a few system calls, once.
 */
#ifndef FRONT_START_H
#define FRONT_START_H

#include "ace/route.h"

/* Starts the allocator unless that is done; THREAD_END is the destructor of a thread. Registers the
 * fork handlers too: whoever forks may have begun before another thread allocates, so the first
 * call does it, and glibc's pthread_create makes one before there is a second thread. */
void start_once(void (*thread_end)(void *));

/* Makes the key of that destructor, unless there is one. Before the program has 32 keys: libc keeps
 * those in the thread itself, and has to allocate, and so to bear a thread, to hold a later one. */
void start_key(void (*thread_end)(void *));
bool start_done(void);

/* Arms the destructor for the calling thread. */
void start_set_key(void *thread);

/* The most blocks that a magazine of CLASS may hold under the options in force; 0: it has none. */
unsigned start_most(unsigned class);

/* Do magazines adapt, or keep their base capacity? */
bool start_adapts(void);

/* The smallest size that libc serves; SIZE_MAX: none. Starts the allocator if need be. */
size_t start_libc_from(void);

/* Does a mode want to see every call? */
bool start_gates_closed(void);

/* W_MAX as the options say, and whether it can refuse a class at all. */
struct wmax start_wmax(void);
bool start_wmax_binds(void);

#endif
