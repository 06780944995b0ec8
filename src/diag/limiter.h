/* limiter - one line per cause, not per call: the first ten, then every power of two.
 *
 * Owns:     a count per cause, its user's.
 * Promise:  N events of a cause write at most 10 + log2(N) lines; each says how many were left out.
 * Threads:  any.
 * Cost:     one atomic add.
 */
#ifndef DIAG_LIMITER_H
#define DIAG_LIMITER_H

#include "base/atomic.h"
#include "base/bits.h"

struct limiter {
  uint64_t events; /* [any] */
};

enum { LIMITER_ALL = 10 };

/* Counts an event. Returns whether it is to be written; *SUPPRESSED: events since the last one that
 * was. */
ALWAYS_INLINE bool limiter_pass(struct limiter *limiter, uint64_t *suppressed) {
  uint64_t n = add_rlx(&limiter->events, 1) + 1;
  *suppressed = 0;
  if (n <= LIMITER_ALL) return true;
  if (!is_power_of_two(n)) return false;
  *suppressed = n - 1 - (n / 2 > LIMITER_ALL ? n / 2 : LIMITER_ALL);
  return true;
}

#endif
