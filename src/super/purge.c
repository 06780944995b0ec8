#include "super/purge.h"

#include "base/futex.h"
#include "os/map.h"
#include "os/process.h"
#include "os/room.h"
#include "super/superslab.h"

enum { LIVE_LOOKS = 4, ONE_TRIES = 8, ALL_TRIES = 256 };

enum sleep { AWAKE, CALLED, SLEEPS_LONG, SLEEPS_SHORT };

static uint64_t blocks;  /* [any] bytes of slabs' blocks in use, within MOVED_TOLD a thread */
static uint64_t most_live; /* [any] relaxed; bytes, as far as somebody looked */
static uint32_t sleeper; /* [any] enum sleep, of the background thread */

void purge_notice(void) {
  if (UNLIKELY(ld_seq(&sleeper) == SLEEPS_LONG)) purge_wake(); /* pairs: purge_sleep */
}

void purge_retain_locked(size_t bytes) {
  add_seq(&counter_value[CNT_RETAINED_BYTES], bytes); /* pairs: purge_sleep */
}

void purge_retain(size_t bytes) {
  purge_retain_locked(bytes);
  purge_notice();
}

void purge_release(size_t bytes) {
  count_down_any(CNT_RETAINED_BYTES, bytes);
}

void purge_sleep(uint64_t ms, bool ages) {
  uint32_t before = AWAKE;
  if (cas_seq(&sleeper, &before, SLEEPS_LONG)) { /* pairs: purge_retain, purge_notice */
    before = SLEEPS_LONG;
    if (!ages && !ld_seq(&counter_value[CNT_RETAINED_BYTES]) &&
        !ld_seq(&counter_value[CNT_SPARSE_WAITING]))
      futex_sleep(&sleeper, SLEEPS_LONG, FUTEX_FOREVER);
    else if (cas_seq(&sleeper, &before, SLEEPS_SHORT))
      futex_sleep(&sleeper, SLEEPS_SHORT, ms);
  }
  st_seq(&sleeper, AWAKE); /* whatever called: the caller looks at everything now */
}

COLD void purge_wake(void) {
  st_seq(&sleeper, CALLED);
  futex_wake(&sleeper, 1);
}

/* Who returned more may have told before who took it. */
static uint64_t no_less_than_none(uint64_t bytes) {
  return (int64_t)bytes < 0 ? 0 : bytes;
}

/* Of runs and huge mappings. */
static uint64_t large_in_use(void) {
  return count_read(CNT_RUN_BYTES) + count_read(CNT_HUGE_BYTES);
}

/* Looks again where others gave units back meanwhile: what they took, too, would count. */
uint64_t purge_live(void) {
  uint64_t given;
  uint64_t taken;
  int looks = 0;
  do {
    given = ld_acq(&counter_value[CNT_UNITS_GIVEN]); /* first */
    taken = ld_acq(&counter_value[CNT_UNITS_TAKEN]);
  } while (count_read(CNT_UNITS_GIVEN) != given && ++looks < LIVE_LOOKS);
  return (no_less_than_none(taken - given) << UNIT_SHIFT) + count_read(CNT_HUGE_BYTES);
}

static void note_most(uint64_t live) {
  uint64_t most = ld_rlx(&most_live);
  while (UNLIKELY(live > most) && !cas_acq(&most_live, &most, live)) continue;
}

void purge_note_live(void) {
  note_most(purge_live());
}

uint64_t purge_blocks_moved(ptrdiff_t bytes) {
  return no_less_than_none(add_rlx(&blocks, (uint64_t)bytes) + (uint64_t)bytes);
}

uint64_t purge_in_use(void) {
  return no_less_than_none(ld_rlx(&blocks)) + large_in_use();
}

/* Of BYTES all where LIVE memory has shrunk to three eighths of the most there was, none where five
 * eighths are left: what comes and goes again and again would be purged for nothing. */
static uint64_t shrunk_part(uint64_t bytes, uint64_t live) {
  uint64_t eighth = ld_rlx(&most_live) / 8;
  note_most(live);
  if (live >= 5 * eighth) return 0;
  return live <= 3 * eighth ? bytes : bytes / 256 * ((5 * eighth - live) * 128 / eighth);
}

/* Bytes that stay beside what is retained: free blocks of slabs in use, cached ones with them, and
 * descriptors, as far as they are more than half of what is in use: so much is usual. */
static uint64_t beside(uint64_t live) {
  uint64_t others = large_in_use();
  uint64_t slabs = live > others ? live - others : 0;
  uint64_t used = no_less_than_none(ld_rlx(&blocks));
  uint64_t aside = option(OPT_RETAIN) / RETAIN_ASIDE + (slabs > used ? slabs - used : 0);
  uint64_t usual = (min_size(used, slabs) + others) / 2;
  return shrunk_part(aside > usual ? aside - usual : 0, live);
}

static size_t bounded(size_t kept) {
  size_t warm = option(OPT_PREWARM) * SUPER_SIZE; /* not to be purged at the first free */
  if (option(OPT_PURGE) == PURGE_OFF) return SIZE_MAX;
  if (!option(OPT_DECAY_MS)) return 0;
  return min_size(max_size(kept, warm), room_left() / ROOM_SHARE);
}

static size_t kept_of(uint64_t live) {
  return max_size(option(OPT_RETAIN), live / 10);
}

size_t purge_bound(void) {
  return bounded(kept_of(purge_live()));
}

size_t purge_budget(void) {
  uint64_t live = purge_live();
  size_t kept = kept_of(live);
  size_t aside = beside(live); /* lowers it to a quarter, or to nothing for who freed all */
  if (aside) kept -= min_size(aside, kept - min_size(kept / 4, purge_in_use()));
  return bounded(kept);
}

bool purge_range(char *p, size_t bytes, bool hard, bool *lazily) {
  count_any(CNT_PURGES, 1);
  *lazily = !hard && option(OPT_PURGE) == PURGE_FREE && os_purge_lazily(p, bytes);
  return *lazily || os_purge(p, bytes);
}

/* What became of units. */
struct outcome {
  uint64_t refused; /* the system kept them as they were */
  uint64_t lazy;
};

/* Purges the units of MASK, range by range; where the system refuses a range, as it does where one
 * page of it is locked, the first unit by itself. */
static struct outcome purge_units(char *base, uint64_t mask, bool hard) {
  struct outcome out = {0, 0};
  while (mask) {
    unsigned first = bit_lowest(mask);
    char *at = base + ((size_t)first << UNIT_SHIFT);
    uint64_t beyond = ~(mask >> first);
    unsigned n = beyond ? bit_lowest(beyond) : 64;
    uint64_t span = bit_span(first, n);
    bool lazily;
    bool done = purge_range(at, (size_t)n << UNIT_SHIFT, hard, &lazily);
    if (!done && n > 1) {
      span = bit_span(first, 1);
      done = purge_range(at, UNIT_SIZE, hard, &lazily);
    }
    if (!done) out.refused |= span;
    if (lazily) out.lazy |= span;
    mask &= ~span;
  }
  return out;
}

static size_t bytes_of(uint64_t mask) {
  return (size_t)bit_count(mask) << UNIT_SHIFT;
}

/* Purges the dirty units of MASK. While its pages go, a unit is neither free nor dirty: nobody can
 * take it in between. What stays dirty, also what was refused, counts as freed now: others get
 * their turn first. */
static size_t purge_some(struct superslab *super, uint64_t mask, bool hard) {
  struct outcome out;
  uint64_t now;
  super->dirty &= ~mask;
  super->aged &= ~mask;
  super->free &= ~mask;
  if (!super->dirty) list_remove(&super->dirty_link);
  super_rebin_locked(super);
  super_unlock();
  out = purge_units(super->base, mask, hard);
  mask &= ~out.refused;
  now = os_milliseconds();
  count_any(CNT_PURGED_BYTES, bytes_of(mask));
  count_any(CNT_LAZY_BYTES, bytes_of(out.lazy));
  purge_release(bytes_of(mask));
  super_lock();
  for (uint64_t done = mask; done; done &= done - 1) super->touched[bit_lowest(done)] = 0;
  super->free |= mask | out.refused;
  super->dirty |= out.refused;
  super->lazy |= out.lazy;
  super->locked = (super->locked & super->dirty) | out.refused;
  if (out.refused) super->given = super->refused = now;
  if (super->dirty) super_relist_dirty_locked(super, now);
  super_rebin_locked(super);
  return bytes_of(mask);
}

/* Where the system refuses, as it does for locked pages, the next is tried, and that one not soon
 * again. */
size_t purge_one(bool hard) {
  int tries = hard ? ALL_TRIES : ONE_TRIES;
  uint64_t now = hard ? UINT64_MAX : os_milliseconds();
  struct superslab *super;
  size_t bytes = 0;
  do {
    super_lock();
    super = super_coldest_locked(now);
    if (super) bytes = purge_some(super, super_purgeable_locked(super, now), hard);
    super_unlock();
    if (super) super_drop_surplus(); /* its last units may have come back meanwhile */
  } while (super && !bytes && --tries);
  return bytes;
}

/* What the system may take counts as retained again, so that it goes for good. */
static void lazy_to_dirty(void) {
  uint64_t now = os_milliseconds();
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    struct superslab *super = LINK_OWNER(link, struct superslab, all);
    if (!super->lazy) continue;
    count_down_any(CNT_LAZY_BYTES, bytes_of(super->lazy));
    count_any(CNT_RETAINED_BYTES, bytes_of(super->lazy));
    super->dirty |= super->lazy;
    super->lazy = 0;
    super_relist_dirty_locked(super, now);
  }
  super_unlock();
}

size_t purge_down_to(size_t keep) {
  size_t bytes = 0;
  size_t purged = 1; /* 0: nothing is dirty, or the system refuses */
  if (count_read(CNT_LAZY_BYTES)) lazy_to_dirty();
  while (purged && count_read(CNT_RETAINED_BYTES) > keep)
    bytes += purged = purge_one(true);
  return bytes;
}

uint64_t purge_coldest(void) {
  struct superslab *super;
  uint64_t given;
  super_lock();
  super = super_coldest_locked(os_milliseconds());
  given = super ? super->given : UINT64_MAX;
  super_unlock();
  return given;
}

/* The superslab whose units have been dirty for longest, if that is long enough. Where all of those
 * were taken again, the younger ones begin to age. */
static struct superslab *next_aged_locked(uint64_t now) {
  for (;;) {
    struct superslab *super = super_next_dirty_locked();
    if (!super || super->since + option(OPT_DECAY_MS) > now) return NULL;
    if (super->aged) return super;
    super_relist_dirty_locked(super, now);
  }
}

size_t purge_aged(uint64_t now, size_t batch) {
  struct superslab *super;
  size_t bytes = 0;
  int tries = ONE_TRIES; /* where the system refuses */
  if (option(OPT_PURGE) == PURGE_OFF) return 0;
  super_lock();
  while (bytes < batch && tries && (super = next_aged_locked(now))) {
    size_t purged = purge_some(super, super->aged, false);
    bytes += purged;
    tries -= !purged;
  }
  super_unlock();
  if (bytes) super_drop_surplus();
  return bytes;
}
