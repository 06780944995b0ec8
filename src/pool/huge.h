/* huge - blocks above 2 MiB: a mapping each, grown and shrunk by page tables, not by copying.
 *
 * Owns:     the descriptors of huge mappings, and a cache of freed ones.
 * Promise:  a block starts at a multiple of 4 MiB (so that its descriptor has the map's slot to
 *           itself); cached mappings count as retained memory and stay within its budget.
 * Threads:  any; one lock, never held across a system call.
 * Cost:     a system call each way unless the cache serves.
 * Refuses:  EXHAUSTION at HAKMEM_LIMIT, MAPFAIL when the system refuses.
 * Inverse:  huge_get / huge_give.
 * Dials:    HAKMEM_LIMIT, HAKMEM_RETAIN.   Gauges: pool.huge_*.
 */
#ifndef POOL_HUGE_H
#define POOL_HUGE_H

#include "super/superslab.h"

/* Gives a block of at least SIZE bytes at a multiple of ALIGN. */
void *huge_get(size_t size, size_t align, bool *zeroed, struct refusal *why);

/* Takes a block back. False when P is not the start of a huge block (a double free). */
bool huge_give(void *p);

/* Usable bytes of the block that starts at P. */
size_t huge_size(const void *p);

/* The bytes of the live huge block that starts at BASE, a multiple of 4 MiB, at this moment; 0 when
 * there is none. For the ledger, which holds no right to the block. */
size_t huge_peek(const void *base);

struct huge_range {
  char *base;
  size_t bytes;
};

/* Copies up to MOST of the cached mappings to OUT. Returns how many. */
unsigned huge_cached(struct huge_range *out, unsigned most);

/* Makes the block at P hold SIZE bytes, moving its pages if need be; SIZE is above LARGE_MAX.
 * Returns its address, or NULL and WHY: the block is then as it was. */
void *huge_resize(void *p, size_t size, struct refusal *why);

/* Gives cached mappings back until at most KEEP bytes are cached. Returns the bytes given back. */
size_t huge_drop_cache(size_t keep);

/* Gives cached mappings back that were freed HAKMEM_DECAY_MS before NOW, the oldest first, until
 * BATCH bytes are done or none is left. Returns the bytes given back. */
size_t huge_drop_aged(uint64_t now, size_t batch);

/* Brings what is retained back under its budget: for everybody who lowers live memory. */
void huge_settle(void);

void huge_fork_take(void);
void huge_fork_drop(void);

/* The bytes cached are the sum of the cache's mappings. Returns the number of violations. */
int huge_check(void);

#endif
