/* collect - takes back what other threads cache, also where they sleep.
 *
 * Owns:     the number of the shrinking of the program at which it last looked.
 * Promise:  a block is taken once, by its owner or by the visitor, though the owner's hit path has
 *           neither a locked instruction nor a test for it. What stays is the last block of a
 *           magazine of at most TINY_MAX bytes each, which a thread that was stopped in malloc may
 *           hold already. What has no owner, is off its hit path or has closed gates is left alone.
 * Threads:  any that has caches, which is inside (thread_enter).
 * Cost:     a lock, and a system call for all threads and each 2,048 blocks.
 * Refuses:  where the system has no membarrier(2): nothing is taken then.
 * Inverse:  thread_attend, by the owner.
 * Gauges:   front.blocks_flushed, of the thread that takes.
 * Invariants: I1, I6: a block's slot is emptied before it goes on. DESIGN.md tells why that does.
 */
#ifndef FRONT_COLLECT_H
#define FRONT_COLLECT_H

#include "front/thread.h"

/* Takes, for SELF, from each thread that last followed the shrinking of the program before it
 * shrank for the BYth time; UINT64_MAX: from all. */
void collect(struct thread *self, uint64_t by);

/* Looks once in HAKMEM_DECAY_MS at all threads, and takes from each that has had no miss since the
 * last look. False: until one has a miss, there is nothing to take but what hits alone add. */
bool collect_aged(struct thread *self);

#endif
