#include "front/budget.h"

#include "ace/plan.h"
#include "base/atomic.h"
#include "os/process.h"

static size_t granted; /* [any] */

/* 32 MiB, more where more processors can use more threads' caches at once. Read once: the number of
 * processors costs a system call. */
static size_t total(void) {
  static size_t known; /* [any] each writer writes the same */
  size_t bytes = ld_rlx(&known);
  if (!bytes) {
    bytes = max_size(CACHE_TOTAL, os_processors() * (size_t)CACHE_PER_PROCESSOR);
    st_rlx(&known, bytes);
  }
  return bytes;
}

static size_t share(void) {
  return plan_share(total(), count_read(CNT_THREADS_BORN) - count_read(CNT_THREADS_ENDED));
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
