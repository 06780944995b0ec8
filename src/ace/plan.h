/* plan - ACE's plan: how many blocks a magazine may hold, from the demand that it sees.
 *
 * Owns:     nothing: pure functions over the class table.
 * Promise:  a class that both refills and flushes grows up to its bound; one that does only one of
 *           the two grows no further than its base; one that idles shrinks. Twice the same input
 *           gives twice the same plan.
 * Threads:  any.
 * Cost:     a few instructions; only on a miss.
 * Inverse:  plan_grow / plan_shrink.
 * Dials:    HAKMEM_ACE=0 fixes every capacity at its base.
 */
#ifndef ACE_PLAN_H
#define ACE_PLAN_H

#include "slab/class.h"

/* The most blocks a magazine of this class may ever hold. */
unsigned plan_most(unsigned class);

/* The capacity at a class's first miss. */
unsigned plan_start(unsigned class);

/* The capacity wanted after a miss, when it was CAPACITY. ALTERNATES: the last miss was of the
 * other kind, a flush before this refill or a refill before this flush. */
unsigned plan_grow(unsigned class, unsigned capacity, bool alternates);

/* The capacity of a class that had no miss for a while. */
unsigned plan_shrink(unsigned class, unsigned capacity, bool crowd);

/* The capacity of a class in a thread for which the budget has nothing left.
 * CROWD: threads are so many that one block of each class above 1 KiB would be too much; none of
 * those then, and 1 of the others. */
unsigned plan_least(unsigned class, bool crowd);

/* Is a thread with this SHARE one of a crowd? */
bool plan_crowd(size_t share);

/* The bytes of others' blocks that a thread with this SHARE may hold back. */
size_t plan_outbox(size_t share);

/* The most fresh blocks that a refill takes: about a page of them, since what a magazine holds back
 * from its slab is memory that the slab will not reuse; of small ones up to four after
 * GROWN such refills in a row. */
unsigned plan_fresh(unsigned class, unsigned grown);

/* May pages of fresh blocks come before they are asked for, where THREADS threads have UNITS units?
 * What then is never used is at most AHEAD_BYTES for each class of a thread. */
bool plan_ahead(uint64_t units, uint64_t threads);

/* The bytes that all THREADS together may cache on a machine of PROCESSORS, when the nearest cgroup
 * limit leaves ROOM bytes: 24 MiB, 64 for a few threads, 2 MiB per processor if that is more, but
 * at most an eighth of the room, and never less than 1 MiB. */
size_t plan_total(unsigned processors, uint64_t threads, uint64_t room);

/* The bytes that one of THREADS threads may cache when all may cache TOTAL. */
size_t plan_share(size_t total, uint64_t threads);

#endif
