#include "diag/failure.h"

#include <string.h>

#include "base/atomic.h"
#include "os/process.h"

const char *const reason_names[REASONS] = {"threshold", "exhaustion", "mapfail", "overflow"};
const char *const tier_names[TIERS] = {"tiny", "mid", "large", "huge"};
const char *const next_names[NEXT_ROUTES] = {"none", "run", "mapping"};

_Static_assert(sizeof(struct failure) % sizeof(uint64_t) == 0, "a failure is whole words");

static uint64_t counts[REASONS][TIERS];  /* [any] */
static uint64_t nulls;                   /* [any] */
static uint64_t tickets;                 /* [any] */

/* Named for those who read a core file: the last refusals. */
/* [any] ticket n is in slot n % FAILURES_KEPT */
EXPORT struct failure_slot hak_failure_ring[FAILURES_KEPT];

enum { WORDS = sizeof(struct failure) / sizeof(uint64_t) };

enum tier tier_of(size_t size) {
  if (size <= TINY_MAX) return TIER_TINY;
  if (size <= MID_MAX) return TIER_MID;
  return size <= LARGE_MAX ? TIER_LARGE : TIER_HUGE;
}

COLD void failure_record(struct failure *failure) {
  uint64_t ticket = add_rlx(&tickets, 1);
  struct failure_slot *slot = &hak_failure_ring[ticket % FAILURES_KEPT];
  uint64_t words[WORDS];
  add_rlx(&counts[failure->reason][failure->tier], 1);
  if (failure->next == NEXT_NONE) add_rlx(&nulls, 1);
  failure->time = os_nanoseconds();
  failure->thread = os_thread_id();
  memcpy(words, failure, sizeof words);
  st_rlx(&slot->ticket, 0);
  __atomic_thread_fence(__ATOMIC_RELEASE); /* pairs: failure_read */
  for (unsigned i = 0; i < WORDS; i++) st_rlx(&slot->words[i], words[i]);
  st_rel(&slot->ticket, ticket + 1); /* pairs: failure_read */
}

uint64_t failure_count(enum reason reason, enum tier tier) {
  return ld_rlx(&counts[reason][tier]);
}

uint64_t failure_nulls(void) {
  return ld_rlx(&nulls);
}

static bool read_slot(uint64_t ticket, struct failure *out) {
  const struct failure_slot *slot = &hak_failure_ring[ticket % FAILURES_KEPT];
  uint64_t words[WORDS];
  if (ld_acq(&slot->ticket) != ticket + 1) return false; /* pairs: failure_record */
  for (unsigned i = 0; i < WORDS; i++) words[i] = ld_rlx(&slot->words[i]);
  __atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs: failure_record */
  memcpy(out, words, sizeof words);
  return ld_rlx(&slot->ticket) == ticket + 1;
}

unsigned failure_read(struct failure *out, unsigned skip, unsigned n) {
  uint64_t next = ld_rlx(&tickets);
  unsigned got = 0;
  for (unsigned back = 1 + skip; back <= FAILURES_KEPT && back <= next && got < n; back++)
    if (read_slot(next - back, &out[got])) got++;
  return got;
}
