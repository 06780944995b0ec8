#include "pool/decay.h"

#include "base/bits.h"
#include "base/lock.h"
#include "os/room.h"
#include "pool/huge.h"
#include "pool/pool.h"
#include "super/purge.h"

uint64_t decay_next;
static struct lock decay_lock;

uint64_t decay_interval(void) {
  uint64_t step = option(OPT_DECAY_MS) / DECAY_STEPS;
  return step < 1 ? 1 : min_size(step, DECAY_STEP_MOST);
}

/* The memory that the cgroup leaves may have fallen, and the budget with it. */
static void settle_budget(void) {
  room_look();
  if (!purge_due()) return;
  huge_drop_cache(purge_budget() / 4 * 3);
  if (purge_due()) purge_settle();
}

COLD bool decay_step(uint64_t now) {
  size_t bytes;
  if (!lock_try(&decay_lock)) return false;
  settle_budget();
  pool_drop_kept(purge_budget() < KEEP_BUDGET);
  bytes = purge_aged(now, DECAY_BATCH);
  if (bytes < DECAY_BATCH) bytes += huge_drop_aged(now, DECAY_BATCH - bytes);
  count_any(CNT_DECAYED_BYTES, bytes);
  st_rlx(&decay_next, bytes < DECAY_BATCH ? now + decay_interval() : now);
  lock_drop(&decay_lock);
  return bytes >= DECAY_BATCH;
}

void decay_fork_take(void) {
  lock_fork_take(&decay_lock);
}

void decay_fork_drop(void) {
  lock_fork_drop(&decay_lock);
}
