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
uint64_t decay_shrinks;
unsigned decay_halvings;
static struct lock decay_lock;

/* The last time that something was done about a program that shrinks. */
struct act {
  uint64_t highest; /* [any] bytes in use since */
  uint64_t lowest;  /* [lock decay] bytes in use then */
  uint64_t at;      /* [lock decay] ms */
  unsigned later;   /* [lock decay] halvings more that the next one waits for */
};

/* Bytes in use, by one of two measures. Relaxed: of two threads that write at once one may lose. */
struct use {
  uint64_t most;   /* [any] since it last fell by half */
  uint64_t peak;   /* [lock decay] the highest since it was twice the lowest */
  struct act walk; /* over all slabs */
  struct act told; /* caches to shrink */
};

static struct use use_of_blocks;
static struct use use_of_all; /* all live memory */
static size_t shrunk_supers; /* [lock decay] a walk's, to be looked at; relaxed, read by any */
static size_t shrunk_keep;   /* [lock decay] bytes of free pages that may stay there */

uint64_t decay_interval(void) {
  uint64_t step = option(OPT_DECAY_MS) / DECAY_STEPS;
  return step < 1 ? 1 : min_size(step, DECAY_STEP_MOST);
}

/* The memory that the cgroup leaves may have fallen, and the budget with it. */
static void settle_budget(void) {
  room_look();
  huge_fit_budget();
}

COLD bool decay_step(uint64_t now) {
  size_t bytes;
  bool more = false;
  if (!lock_try(&decay_lock)) return false;
  settle_budget();
  pool_drop_kept(purge_bound() < KEEP_BUDGET);
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

/* A program that needs again within a second what it gave back waits longer the next time. */
static void act_anew(struct act *last, uint64_t now, uint64_t ms) {
  bool regrets = ms - last->at < SHRUNK_REGRET_MS;
  if (ld_rlx(&last->highest) / 2 > last->lowest) { /* else it went on to shrink */
    if (regrets && last->later < SHRUNK_LATER) last->later++;
    if (!regrets && last->later) last->later--;
  }
  last->lowest = now;
  last->at = ms;
  st_rlx_any(&last->highest, now);
}

static void begin_walk(struct use *use, uint64_t now) {
  uint64_t retained = count_read(CNT_RETAINED_BYTES);
  size_t budget = purge_budget();
  act_anew(&use->walk, now, os_milliseconds());
  st_rlx(&shrunk_supers, sparse_supers());
  shrunk_keep = retained < budget ? (budget - retained) / 2 : 0;
}

/* Caches shrink at each fall by half; where the program grew to twice again and fell soon, at a
 * deeper one the next time, and by as much more; but not for long. */
static void tell_caches(struct use *use, uint64_t now) {
  uint64_t ms = os_milliseconds();
  bool long_ago = ms - use->told.at >= SHRUNK_FORGET_MS;
  if (now >= ld_rlx(&use->told.highest) >> (long_ago ? 1 : 1 + use->told.later)) return;
  st_rlx(&decay_halvings, decay_halvings + 1 + use->told.later);
  st_rlx(&decay_shrinks, decay_shrinks + 1);
  act_anew(&use->told, now, ms);
}

/* PART: what is less than this part of the highest begins a walk, or less still. */
COLD static void fell_by_half(struct use *use, uint64_t now, unsigned part) {
  uint64_t highest = ld_rlx(&use->walk.highest);
  if (!lock_try(&decay_lock)) return;
  if (highest / 2 > use->walk.lowest) use->peak = highest;
  st_rlx_any(&use->most, now);
  if (use->peak >= SHRUNK_LEAST) {
    tell_caches(use, now);
    if (now < highest / (part << use->walk.later)) begin_walk(use, now);
  }
  lock_drop(&decay_lock);
}

static bool shrinks_now(struct use *use, uint64_t now, unsigned part) {
  uint64_t most = ld_rlx(&use->most);
  if (now > most) st_rlx_any(&use->most, now);
  if (now > ld_rlx(&use->walk.highest)) st_rlx_any(&use->walk.highest, now);
  if (now > ld_rlx(&use->told.highest)) st_rlx_any(&use->told.highest, now);
  if (now < most / 2 && most / 2 >= MOVED_TOLD) fell_by_half(use, now, part);
  return ld_rlx(&shrunk_supers) > 0;
}

bool decay_moved(ptrdiff_t bytes) {
  return shrinks_now(&use_of_blocks, purge_blocks_moved(bytes), SHRUNK_PART);
}

bool decay_given(void) {
  return shrinks_now(&use_of_all, purge_live(), 2);
}

COLD void decay_shrunk(void) {
  size_t left;
  if (!lock_try(&decay_lock)) return;
  left = shrunk_supers;
  sparse_purge_shrunk(&left, &shrunk_keep);
  st_rlx(&shrunk_supers, left);
  lock_drop(&decay_lock);
}

size_t decay_trim_slabs(size_t keep) {
  size_t bytes;
  lock_take(&decay_lock);
  bytes = sparse_purge_all(keep);
  lock_drop(&decay_lock);
  return bytes;
}

void decay_stop(void) {
  lock_take(&decay_lock);
}

void decay_go_on(void) {
  lock_drop(&decay_lock);
}

void decay_fork_take(void) {
  lock_fork_take(&decay_lock);
}

void decay_fork_drop(void) {
  lock_fork_drop(&decay_lock);
}
