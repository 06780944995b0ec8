/* counter - the gauges: one table of name, unit and meaning.
 *
 * Owns:     the shared counters, and the list of the threads' own (tallies).
 * Promise:  a sum over tallies misses nothing that happened before the call in this thread.
 * Threads:  any. A tally is written by its thread alone, without locked instructions.
 * Cost:     one add where something rare happens; nothing on the hit path.
 * Inverse:  count_any / count_read.
 */
#ifndef DIAG_COUNTER_H
#define DIAG_COUNTER_H

#include "base/atomic.h"
#include "base/config.h"

/* Shared counters: written by any thread. Eight are a cache line: those that are counted one after
 * the other lie together, so that one line moves for them. */
enum counter {
  /* units and runs */
  CNT_UNITS_TAKEN,
  CNT_UNITS_GIVEN,
  CNT_RETAINED_BYTES,
  CNT_SUPER_BYTES,
  CNT_SUPER_REUSED,
  CNT_RUNS_TAKEN,
  CNT_RUNS_GIVEN,
  CNT_RUN_BYTES,
  /* slabs, and what is rare */
  CNT_SLABS_CARVED,
  CNT_SLABS_RELISTED,
  CNT_SLABS_GIVEN,
  CNT_SLABS_RECYCLED,
  CNT_SUPER_MAPPED,
  CNT_SUPER_UNMAPPED,
  CNT_SPARSE_WAITING,
  CNT_PURGES,
  /* huge mappings, and what is rare */
  CNT_HUGE_MAPPED,
  CNT_HUGE_UNMAPPED,
  CNT_HUGE_REUSED,
  CNT_HUGE_MOVED,
  CNT_HUGE_LIVE,
  CNT_HUGE_BYTES,
  CNT_META_BYTES,
  CNT_FOREIGN_FREES,
  /* read at each miss, written at a birth and an end */
  CNT_THREADS_BORN,
  CNT_THREADS_ENDED,
  CNT_DOUBLE_FREES,
  CNT_VIOLATIONS,
  CNT_LAZY_BYTES,
  CNT_DECAYED_BYTES,
  CNT_SPARSE_BYTES,
  CNT_PURGED_BYTES,
  COUNTERS
};

/* A thread's own counters. */
enum tally_row {
  TLY_REFILLS,
  TLY_BLOCKS_REFILLED,
  TLY_FLUSHES,
  TLY_BLOCKS_FLUSHED,
  TLY_REMOTE_FREES,
  TLY_REMOTE_FLUSHES,
  TLY_MALLOC_CALLS,
  TLY_FREE_CALLS,
  TALLIES
};

struct tally {
  uint64_t n[TALLIES]; /* [owner] writes without a locked instruction, [any] reads */
  struct tally *next;  /* [const] once registered */
};

/* Text in place: pointers would each be relocated at start. */
struct counter_row {
  char name[24];
  char unit[12];
  char doc[64];
};

extern const struct counter_row counter_table[COUNTERS];
extern const struct counter_row tally_table[TALLIES];
extern uint64_t counter_value[COUNTERS] ALIGNED(64); /* [any] */

ALWAYS_INLINE void count_any(enum counter i, uint64_t n) {
  add_rlx(&counter_value[i], n);
}

ALWAYS_INLINE void count_down_any(enum counter i, uint64_t n) {
  sub_rlx(&counter_value[i], n);
}

ALWAYS_INLINE uint64_t count_read(enum counter i) {
  return ld_rlx(&counter_value[i]);
}

/* What COME counted and GONE not yet, which counts each thing after it: never below 0, though
 * others count meanwhile. */
ALWAYS_INLINE uint64_t count_left(enum counter come, enum counter gone) {
  uint64_t before = ld_acq(&counter_value[gone]); /* first */
  uint64_t now = count_read(come);
  return now > before ? now - before : 0;
}

/* Threads that are born and have not ended. */
ALWAYS_INLINE uint64_t count_living(void) {
  return count_left(CNT_THREADS_BORN, CNT_THREADS_ENDED);
}

ALWAYS_INLINE void tally_own(struct tally *t, enum tally_row i, uint64_t n) {
  st_rlx(&t->n[i], ld_rlx(&t->n[i]) + n);
}

/* Adds a tally to the sums; it stays for ever. */
void tally_register_any(struct tally *t);

/* The sum of one row over all threads, ended ones included. */
uint64_t tally_read(enum tally_row i);

/* Finds a counter of either table by name. Returns false when there is none. */
bool counter_find(const char *name, uint64_t *value);

#endif
