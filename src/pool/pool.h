/* pool - the shared pool: the only backend of slabs.
 *
 * Owns:     the lists of slabs that nobody owns and that have free blocks, by class and fullness.
 * Promise:  a slab it gives has one owner, its caller. A slab all of whose blocks are free, and
 *           that nobody owns, gives its units back at once (EMPTY slab recycling); but one a class
 *           stays listed, counted as retained, while no other slab of the class is listed.
 * Threads:  any; takes its class lock, never two at once, never across a system call.
 * Cost:     one lock per slab, that is per 64 KiB of blocks; never on the hit path.
 * Refuses:  what units_take refuses.
 * Inverse:  pool_get / pool_let_go.
 * Gauges:   pool.slabs_*.
 * Invariants: I3; I4: an unowned slab with count >= T is LISTED or being settled; I5: units are
 *             given back only at count == blocks, after the last access of every returner.
 */
#ifndef POOL_POOL_H
#define POOL_POOL_H

#include "slab/slab.h"

/* Gives a slab of CLASS that may have free blocks, owned by the caller: from the lists, the fullest
 * first, else carved in fresh units. Tags its units with OWNER. NULL and WHY when refused.
 * *TAKEN names the slab from before it leaves its list: a forked child can then find it. */
struct slab *pool_get(unsigned class, uint32_t owner, struct slab **taken, struct refusal *why);

/* As pool_get, but from the lists alone; TOUCHED: a slab with free blocks that were in use. */
struct slab *pool_find(unsigned class, uint32_t owner, bool touched, struct slab **taken);

/* The owner's farewell: whoever crosses the line settles. */
void pool_let_go(struct slab *slab);

/* The same for a thread that a fork ended, perhaps before SLAB had its tags. */
void pool_take_back(struct slab *slab);

/* Makes the caller the owner of a slab that is listed now. SLAB may be any descriptor that ever was
 * one. The caller holds the lock of aging until it lets go, so that no fork falls in between. */
bool pool_own_listed(struct slab *slab);

/* The farewell of whoever looked for free pages: LOOKED is the count of free blocks that it found,
 * a flag added where pages went, for good or when the system wants them. */
enum { LOOKED_PURGED = 0x8000, LOOKED_LAZILY = 0x4000, LOOKED_BLOCKS = LOOKED_LAZILY - 1 };
void pool_let_go_looked(struct slab *slab, uint16_t looked);

/* After slab_count_returned_any of N blocks, which found the state OLD: settles if that is this
 * caller's duty. Returns whether the slab became empty and gave its units back. */
bool pool_settle_any(struct slab *slab, uint32_t old, unsigned n);

/* Returns one block without any cache. False: it was free already (a double free). */
bool pool_return_block_any(struct slab *slab, const void *p);

/* Gives back the empty slabs that stayed listed: all, or those that the last call left. Returns the
 * bytes of them. */
size_t pool_drop_kept(bool all);

/* Settles whatever state the slab is in; for a forked child that mends what was in flight. */
void pool_settle_now(struct slab *slab);

void pool_fork_take(void);
void pool_fork_drop(void);
void pool_fork_child(void); /* counts anew what is retained: a thread may have been at it */

/* I3, I4 over the lists and all slabs. Returns the number of violations. */
int pool_check(void);

#endif
