/* failure - the recorder of refusals: counts by reason and tier, and the last ones in a ring.
 *
 * Owns:     the counts and the ring.
 * Promise:  a refusal is counted before its caller sees it. No malloc, no stdio, no lock.
 * Threads:  any; async-signal-safe. errno is preserved.
 * Cost:     a few stores; only where something was refused.
 * Inverse:  failure_record / failure_read.
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

/* Where a refused request goes next. */
enum next_route { NEXT_NONE, NEXT_RUN, NEXT_MAPPING, NEXT_ROUTES };

enum { FAILURES_KEPT = 256, FAILURE_DEPTH = 16 };

struct failure {
  uint64_t time;       /* nanoseconds, monotonic */
  uint64_t size;       /* bytes asked for */
  uint64_t align;      /* bytes */
  uint64_t class_size; /* bytes of the class that was refused, 0: none was */
  uint64_t bytes;      /* bytes asked of the system, 0: it was not asked */
  uint64_t limit;      /* value of the limit that the verdict names */
  uint64_t use;        /* and how much of it was in use */
  uint32_t thread;     /* kernel's id */
  int32_t error;       /* errno of the system, 0 when it was not asked */
  uint32_t wmax;       /* of the size, in hundredths */
  uint8_t reason;
  uint8_t tier;
  uint8_t next;        /* enum next_route; NEXT_NONE: the caller got NULL */
  uint8_t verdict;     /* enum of the box `verdict`; 0: none was found */
  uint32_t depth;      /* return addresses below */
  uint64_t callers[FAILURE_DEPTH];
};

/* A slot of hak_failure_ring. It is written between two values of its ticket: 0 while it changes.
 * The words of the failure are stored one by one, atomically, so that a reader that comes in
 * between sees no torn word, and then sees by the ticket that it must not use them. */
struct failure_slot {
  uint64_t ticket; /* [any] ticket + 1 of the failure inside; 0: empty, or being written */
  uint64_t words[sizeof(struct failure) / sizeof(uint64_t)]; /* [any] */
};

extern const char *const reason_names[REASONS];
extern const char *const tier_names[TIERS];
extern const char *const next_names[NEXT_ROUTES];

enum tier tier_of(size_t size);

/* Counts a refusal, fills in its time and thread, and keeps it in the ring. */
void failure_record(struct failure *failure);

uint64_t failure_count(enum reason reason, enum tier tier);

/* Requests that ended in NULL. */
uint64_t failure_nulls(void);

/* Copies at most N refusals, the newest first, from the one that is SKIP older than the last.
 * Returns how many. One that is being written is left out. */
unsigned failure_read(struct failure *out, unsigned skip, unsigned n);

#endif
