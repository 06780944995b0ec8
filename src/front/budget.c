#include "front/budget.h"

#include "ace/plan.h"
#include "base/atomic.h"
#include "os/process.h"

static size_t granted; /* [any] */

static uint64_t living_threads(void) {
  return count_read(CNT_THREADS_BORN) - count_read(CNT_THREADS_ENDED);
}

/* 32 MiB, 64 for a few threads; more where more processors can use more threads' caches at once.
 * That number is read once: it costs a system call. */
static size_t total(void) {
  static size_t by_processors; /* [any] each writer writes the same */
  size_t bytes = ld_rlx(&by_processors);
  if (!bytes) {
    bytes = os_processors() * (size_t)CACHE_PER_PROCESSOR;
    st_rlx(&by_processors, bytes);
  }
  return max_size(bytes, living_threads() <= FEW_THREADS ? CACHE_TOTAL_FEW : CACHE_TOTAL);
}

static size_t share(void) {
  return plan_share(total(), living_threads());
}

bool budget_take(struct thread *t, size_t bytes) {
  if (t->granted + bytes > share()) return false;
  if (add_rlx(&granted, bytes) + bytes > total()) {
    sub_rlx(&granted, bytes);
    return false;
  }
  t->granted += bytes;
  return true;
}

void budget_return(struct thread *t, size_t bytes) {
  t->granted -= bytes;
  sub_rlx(&granted, bytes);
}

bool budget_exceeded(const struct thread *t) {
  return t->granted > share();
}

size_t budget_granted(void) {
  return ld_rlx(&granted);
}
