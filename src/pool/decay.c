#include "pool/decay.h"

#include "base/bits.h"
#include "base/lock.h"
#include "os/room.h"
#include "pool/huge.h"
#include "pool/pool.h"
#include "pool/sparse.h"
#include "super/purge.h"

uint64_t decay_next;
uint64_t decay_growth;
static struct lock decay_lock;

uint64_t decay_interval(void) {
  uint64_t step = option(OPT_DECAY_MS) / DECAY_STEPS;
  return step < 1 ? 1 : min_size(step, DECAY_STEP_MOST);
}

/* The memory that the cgroup leaves may have fallen, and the budget with it. */
static void settle_budget(void) {
  room_look();
  if (purge_due()) huge_fit_budget();
}

COLD bool decay_step(uint64_t now) {
  size_t bytes;
  bool more = false;
  if (!lock_try(&decay_lock)) return false;
  settle_budget();
  pool_drop_kept(purge_budget() < KEEP_BUDGET);
  bytes = purge_aged(now, DECAY_BATCH);
  if (bytes < DECAY_BATCH) bytes += huge_drop_aged(now, DECAY_BATCH - bytes);
  if (bytes < DECAY_BATCH) bytes += sparse_purge_aged(now, DECAY_BATCH - bytes, &more);
  count_any(CNT_DECAYED_BYTES, bytes);
  more |= bytes >= DECAY_BATCH;
  st_rlx(&decay_growth,
         min_size(ld_rlx(&decay_growth), count_read(CNT_SUPER_BYTES) + SUPER_SIZE));
  st_rlx(&decay_next, more ? now : now + decay_interval());
  lock_drop(&decay_lock);
  return more;
}

COLD void decay_grown(void) {
  uint64_t grown;
  if (!lock_try(&decay_lock)) return;
  grown = count_read(CNT_SUPER_BYTES);
  if (grown >= ld_rlx(&decay_growth)) {
    count_any(CNT_DECAYED_BYTES, sparse_purge_grown(os_milliseconds()));
    st_rlx(&decay_growth, grown + SUPER_SIZE);
  }
  lock_drop(&decay_lock);
}

size_t decay_trim_slabs(size_t keep) {
  size_t bytes;
  lock_take(&decay_lock);
  bytes = sparse_purge_all(keep);
  lock_drop(&decay_lock);
  return bytes;
}

void decay_fork_take(void) {
  lock_fork_take(&decay_lock);
}

void decay_fork_drop(void) {
  lock_fork_drop(&decay_lock);
}
