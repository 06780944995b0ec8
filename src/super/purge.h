/* purge - freed memory that stays resident, within a budget.
 *
 * Owns:     the count of retained bytes (super.retained_bytes).
 * Promise:  retained <= max(HAKMEM_RETAIN, live / 10) after each purge_settle, unless the system
 *           refuses to take pages back. No background thread, no further call needed.
 * Threads:  any; no lock is held across a system call.
 * Cost:     none below the budget; else one system call per range of units, down to three quarters
 *           of the budget, so that a system call serves many frees.
 * Inverse:  purge_retain / purge_release.
 * Dials:    HAKMEM_RETAIN.   Gauges: super.purges, super.purged_bytes, super.retained_bytes.
 */
#ifndef SUPER_PURGE_H
#define SUPER_PURGE_H

#include "base/config.h"
#include "diag/counter.h"
#include "diag/option.h"

/* Counts bytes that were freed and stay resident, and bytes that no longer do. */
void purge_retain(size_t bytes);
void purge_release(size_t bytes);

/* The budget in bytes, from the live memory of now. */
size_t purge_budget(void);

ALWAYS_INLINE bool purge_due(void) {
  uint64_t retained = count_read(CNT_RETAINED_BYTES);
  return retained > option(OPT_RETAIN) && retained > purge_budget();
}

/* Purges dirty units of superslabs, oldest first, until at most KEEP bytes are retained in all.
 * Returns the bytes given back. */
size_t purge_down_to(size_t keep);

/* Purges when the budget is exceeded. */
void purge_settle(void);

#endif
