/* sparse - free pages of slabs that have live blocks too.
 *
 * Owns:     the slab that it looks at, for that long: nobody else clears bits then, so what it saw
 *           free stays free while its pages go.
 * Promise:  a page goes only when all that lies on it are free blocks, of a slab that nobody owned:
 *           live, cached and current blocks are never touched. A slab that was taken from its shelf
 *           within HAKMEM_DECAY_MS is left alone, unless all are asked for. One whose pages went is
 *           looked at again only after it was taken, or got another page of blocks back.
 * Threads:  one at a time, which holds the lock of aging: a fork waits for it, so that no child has
 *           a slab that nobody lets go of. No lock of pool or super is held across a system call.
 * Cost:     at an age, once: two class locks a slab, a system call per range of free pages.
 * Refuses:  nothing: pages that the system keeps stay as they are.
 * Inverse:  none; pool_own_listed / pool_let_go_looked.
 * Dials:    HAKMEM_DECAY_MS, HAKMEM_PURGE.   Gauges: pool.sparse_bytes, pool.sparse_waiting.
 */
#ifndef POOL_SPARSE_H
#define POOL_SPARSE_H

#include "base/config.h"

/* Purges slabs that were listed HAKMEM_DECAY_MS before NOW, until BATCH bytes are done; a step of a
 * walk over all superslabs. *MORE: slabs of this step are left. Returns the bytes given back. */
size_t sparse_purge_aged(uint64_t now, size_t batch, bool *more);

/* For each superslab that the program grows by: purges about as much, of slabs that were listed a
 * SPARSE_GROWING-th of HAKMEM_DECAY_MS before NOW. Returns the bytes given back. */
size_t sparse_purge_grown(uint64_t now);

/* Purges slabs of any age, but for *KEEP bytes, which it lowers, and those whose free ranges are
 * less than SPARSE_WORTH in the mean, which wait for their age; a step of a walk over *SUPERS
 * superslabs, which it lowers, too. Returns the bytes given back. */
size_t sparse_purge_shrunk(size_t *supers, size_t *keep);

/* Superslabs there are. */
size_t sparse_supers(void);

/* Purges all slabs that nobody owns, at once and for good, but for KEEP bytes. Returns the bytes
 * given back. */
size_t sparse_purge_all(size_t keep);

#endif
