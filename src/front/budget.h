/* budget - the bytes that all threads together may cache.
 *
 * Owns:     the sum of the capacities granted.
 * Promise:  the capacities granted never exceed the total, so that sleeping threads hold no more
 *           than that (and the least capacity, ungranted); a thread's share falls as threads rise.
 * Threads:  any.
 * Cost:     one atomic add on a miss that grows a magazine; nothing on the hit path.
 * Refuses:  when the total, or the thread's share of it, is spent.
 * Inverse:  budget_take / budget_return.
 */
#ifndef FRONT_BUDGET_H
#define FRONT_BUDGET_H

#include "front/thread.h"

/* Grants BYTES of capacity to T. */
bool budget_take(struct thread *t, size_t bytes);

/* Takes a grant back. */
void budget_return(struct thread *t, size_t bytes);

/* Reads what all may cache, T's share of it, and how much its outbox may hold. */
void budget_look(struct thread *t);

/* The sum granted is BYTES, in a process that has one thread. */
void budget_set(size_t bytes);

/* The sum granted, in bytes. */
size_t budget_granted(void);

#endif
