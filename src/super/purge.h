/* purge - freed memory that stays resident, within a budget and for a time.
 *
 * Owns:     the count of retained bytes (super.retained_bytes).
 * Promise:  retained <= max(HAKMEM_RETAIN, live / 10) after each free, unless the system
 *           refuses to take pages back, or HAKMEM_PURGE=off. No background thread, no further call
 *           needed. In a cgroup with a limit, no more than an eighth of the room below it either.
 *           Where slabs hold free blocks of more than half of what is in use, they count as soon as
 *           the program has shrunk to half of its most: down to a quarter is retained, so that one
 *           that freed all is within the bound as a whole.
 *           purge_aged finds what was freed HAKMEM_DECAY_MS ago; twice the time ago at the latest.
 * Threads:  any; no lock is held across a system call.
 * Cost:     none below the budget; else a system call per range of units of one superslab, whole
 *           superslabs, so that a system call serves many frees. Two per unit of a range that the
 *           system refuses, as it does where pages are locked, once a second each.
 * Inverse:  purge_retain / purge_release.
 * Dials:    HAKMEM_RETAIN, HAKMEM_DECAY_MS, HAKMEM_PURGE.
 * Gauges:   super.purges, super.purged_bytes, super.retained_bytes, super.lazy_bytes.
 */
#ifndef SUPER_PURGE_H
#define SUPER_PURGE_H

#include "base/config.h"
#include "diag/counter.h"
#include "diag/option.h"

/* Counts bytes that were freed and stay resident, and bytes that no longer do. Not under a lock. */
void purge_retain(size_t bytes);
void purge_release(size_t bytes);

/* purge_retain in two steps, of which the first may be under a lock: the second, purge_notice,
 * wakes the background thread. */
void purge_retain_locked(size_t bytes);

/* Bytes of units and huge mappings in use. */
uint64_t purge_live(void);

/* Remembers them if they are the most so far: for who has mapped more. */
void purge_note_live(void);

/* Notes that blocks of slabs of BYTES came into use, or went out of it where BYTES is negative.
 * Returns the bytes of those in use. */
uint64_t purge_blocks_moved(ptrdiff_t bytes);

/* Bytes of blocks in use, of any size, within MOVED_TOLD a thread. */
uint64_t purge_in_use(void);

/* The budget in bytes, from the live memory of now; and where no slab has free blocks. */
size_t purge_budget(void);
size_t purge_bound(void);

ALWAYS_INLINE bool purge_due(void) {
  uint64_t retained = count_read(CNT_RETAINED_BYTES);
  return UNLIKELY(retained) && retained > purge_budget();
}

/* Purges dirty units of superslabs, oldest first, until at most KEEP bytes are retained in all, in
 * every mode and at once: asked for by name. Returns the bytes given back. */
size_t purge_down_to(size_t keep);

/* When units last came back to the superslab that purge_one would choose, in ms; UINT64_MAX: none
 * has dirty units. */
uint64_t purge_coldest(void);

/* Purges the dirty units of one superslab, the one that got none back for longest; HARD as below.
 * Returns the bytes given back. */
size_t purge_one(bool hard);

/* Purges dirty units that were freed HAKMEM_DECAY_MS before NOW, oldest first, until BATCH bytes
 * are done or none is left. Returns the bytes given back. */
size_t purge_aged(uint64_t now, size_t batch);

/* Purges BYTES at P in the way that HAKMEM_PURGE says, unless HARD: for good. *LAZILY tells which
 * it was. Returns false when the system refuses. */
bool purge_range(char *p, size_t bytes, bool hard, bool *lazily);

/* The background thread sleeps here: while nothing is retained and no slab waits, and nothing else
 * AGES, for ever, else for MS. */
void purge_sleep(uint64_t ms, bool ages);

/* After CNT_SPARSE_WAITING rose by a sequential add: wakes the thread if it sleeps for ever. Not
 * under a lock. */
void purge_notice(void);

/* Wakes it. */
void purge_wake(void);

#endif
