#include "diag/failure.h"

#include "base/atomic.h"
#include "os/process.h"

const char *const reason_names[REASONS] = {"threshold", "exhaustion", "mapfail", "overflow"};
const char *const tier_names[TIERS] = {"tiny", "mid", "large", "huge"};

static uint64_t counts[REASONS][TIERS];    /* [any] */
static struct failure ring[FAILURES_KEPT]; /* [any] slot of ticket n is n % FAILURES_KEPT */
static uint64_t tickets;                   /* [any] */

enum tier tier_of(size_t size) {
  return size <= TINY_MAX ? TIER_TINY : size <= MID_MAX ? TIER_MID : size <= LARGE_MAX ? TIER_LARGE
                                                                                        : TIER_HUGE;
}

COLD void failure_record(enum reason reason, size_t size, size_t bytes, int error) {
  enum tier tier = tier_of(size);
  struct failure *f = &ring[add_rlx(&tickets, 1) % FAILURES_KEPT];
  add_rlx(&counts[reason][tier], 1);
  /* Two writers meet in a slot only when 256 failures pass within one; then a field may be
   * another's. */
  st_rlx(&f->time, os_nanoseconds());
  st_rlx(&f->size, size);
  st_rlx(&f->bytes, bytes);
  st_rlx(&f->thread, os_thread_id());
  st_rlx(&f->error, error);
  st_rlx(&f->reason, (uint8_t)reason);
  st_rlx(&f->tier, (uint8_t)tier);
}

uint64_t failure_count(enum reason reason, enum tier tier) {
  return ld_rlx(&counts[reason][tier]);
}
