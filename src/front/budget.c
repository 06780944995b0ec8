#include "front/budget.h"

#include "ace/plan.h"
#include "base/atomic.h"
#include "os/process.h"
#include "os/room.h"

static size_t granted; /* [any] */

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

void budget_look(struct thread *t) {
  uint64_t living = count_living();
  uint64_t room = room_left();
  if (living == t->living_seen && room == t->room_seen) return;
  t->living_seen = living;
  t->room_seen = room;
  t->total = plan_total(processors(), living, room);
  t->share = plan_share(t->total, living);
  t->out_most = plan_outbox(t->share);
}

bool budget_take(struct thread *t, size_t bytes) {
  if (t->granted + bytes > t->share) return false;
  if (++t->grants % CGROUP_LOOK == 0) room_look();
  if (add_rlx(&granted, bytes) + bytes > t->total) {
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
