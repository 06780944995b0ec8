/* failure - the recorder of refusals: counts by reason and tier, and the last ones in a ring.
 *
 * Owns:     the counts and the ring.
 * Promise:  a refusal is counted before its caller sees it. No malloc, no stdio, no lock.
 * Threads:  any; async-signal-safe. errno is preserved.
 * Cost:     a few stores; only where something was refused.
 * Inverse:  failure_record / failure_count.
 */
#ifndef DIAG_FAILURE_H
#define DIAG_FAILURE_H

#include "base/config.h"

enum reason {
  REASON_THRESHOLD,  /* no class within W_MAX of the size */
  REASON_EXHAUSTION, /* the pool may not grow: a limit of hakmem's */
  REASON_MAPFAIL,    /* the system refused the memory */
  REASON_OVERFLOW,   /* the request cannot be: above PTRDIFF_MAX, or a product that overflows */
  REASONS
};

enum tier { TIER_TINY, TIER_MID, TIER_LARGE, TIER_HUGE, TIERS };

struct failure {
  uint64_t time;   /* nanoseconds, monotonic */
  size_t size;     /* bytes asked for */
  size_t bytes;    /* bytes asked of the system, 0 when it was not asked */
  uint32_t thread; /* kernel's id */
  int32_t error;   /* errno of the system, 0 when it was not asked */
  uint8_t reason;
  uint8_t tier;
};

enum { FAILURES_KEPT = 256 };

extern const char *const reason_names[REASONS];
extern const char *const tier_names[TIERS];

enum tier tier_of(size_t size);

/* Counts a refusal of a request of SIZE bytes; BYTES and ERROR as in struct failure. */
void failure_record(enum reason reason, size_t size, size_t bytes, int error);

uint64_t failure_count(enum reason reason, enum tier tier);

#endif
