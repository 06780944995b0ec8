#include "front/budget.h"

#include "ace/plan.h"
#include "base/atomic.h"
#include "os/process.h"
#include "os/room.h"

static size_t granted;  /* [any] */
static uint64_t grants; /* [any] */

/* Asked for once: it costs a system call. */
static unsigned processors(void) {
  static unsigned known; /* [any] each writer writes the same */
  unsigned n = ld_rlx(&known);
  if (!n) {
    n = os_processors();
    st_rlx(&known, n);
  }
  return n;
}

static size_t total(void) {
  return plan_total(processors(), count_living(), room_left());
}

size_t budget_share(void) {
  return plan_share(total(), count_living());
}

void budget_look(struct thread *t) {
  t->share = budget_share();
  t->out_most = plan_outbox(t->share);
}

bool budget_take(struct thread *t, size_t bytes) {
  if (t->granted + bytes > t->share) return false;
  if (add_rlx(&grants, 1) % CGROUP_LOOK == 0) room_look();
  if (add_rlx(&granted, bytes) + bytes > total()) {
    sub_rlx(&granted, bytes);
    return false;
  }
  t->granted += bytes;
  return true;
}

void budget_return(struct thread *t, size_t bytes) {
  if (!bytes) return; /* most classes of a thread that ends: no write that others must wait for */
  t->granted -= bytes;
  sub_rlx(&granted, bytes);
}

void budget_set(size_t bytes) {
  st_rlx(&granted, bytes);
}

size_t budget_granted(void) {
  return ld_rlx(&granted);
}
