/* huge - blocks above 2 MiB: a mapping each, grown and shrunk by page tables, not by copying.
 *
 * Owns:     the tags of live huge blocks; freed mappings are the box keep's.
 * Promise:  a block starts at a multiple of 4 MiB (so that its descriptor has the map's slot to
 *           itself); what freed mappings hold stays within the budget of retained memory.
 * Threads:  any; a live block's descriptor is its holder's.
 * Cost:     a system call each way unless a kept mapping serves and the budget is not exceeded.
 * Refuses:  EXHAUSTION at HAKMEM_LIMIT, MAPFAIL when the system refuses.
 * Inverse:  huge_get / huge_give.
 * Dials:    HAKMEM_LIMIT, HAKMEM_RETAIN.   Gauges: pool.huge_*.
 */
#ifndef POOL_HUGE_H
#define POOL_HUGE_H

#include "super/purge.h"
#include "super/superslab.h"

/* Gives a block of at least SIZE bytes at a multiple of ALIGN. *ZEROED: whether they are wanted to
 * be zero, if that costs little; and whether they are. */
void *huge_get(size_t size, size_t align, bool *zeroed, struct refusal *why);

/* Takes a block back. False when P is not the start of a huge block (a double free). */
bool huge_give(void *p);

/* Usable bytes of the block that starts at P. */
size_t huge_size(const void *p);

/* The bytes of the live huge block that starts at BASE, a multiple of 4 MiB, at this moment; 0 when
 * there is none. For the ledger, which holds no right to the block. */
size_t huge_peek(const void *base);

/* For the child of a fork, after units_take_back: counts live blocks, and mappings, anew. */
void huge_count_anew(void);

/* Makes the block at P hold SIZE bytes, moving its pages if need be; SIZE is above LARGE_MAX.
 * Returns its address, or NULL and WHY: the block is then as it was. */
void *huge_resize(void *p, size_t size, struct refusal *why);

/* Gives cached mappings back that were freed HAKMEM_DECAY_MS before NOW, the oldest first, until
 * BATCH bytes are done or none is left. Returns the bytes given back. */
size_t huge_drop_aged(uint64_t now, size_t batch);

/* Brings what is retained back under its budget: units and mappings, the oldest first. */
void huge_purge_beyond(void);

ALWAYS_INLINE void huge_fit_budget(void) {
  if (purge_due()) huge_purge_beyond();
}

/* That, and what is due besides: for everybody who lowers live memory. */
void huge_settle(void);

#endif
