#include "super/superslab.h"

#include <errno.h>
#include <string.h>

#include "diag/counter.h"
#include "diag/option.h"
#include "os/debt.h"
#include "os/map.h"
#include "os/process.h"
#include "os/room.h"
#include "super/meta.h"
#include "super/purge.h"
#include "super/spare.h"
#include "super/thp.h"

static struct lock pool_of_supers;   /* guards all below, and the fields marked [lock super] */
static struct link bins[BINS];       /* [lock super] */
static struct link dirty_list;       /* [lock super] oldest first */
static struct link all_supers;       /* [lock super] */
static unsigned empty_count;         /* [lock super] superslabs in BIN_EMPTY */

void super_lock(void) {
  lock_take(&pool_of_supers);
}

void super_unlock(void) {
  lock_drop(&pool_of_supers);
}

struct link *super_all_locked(void) {
  return &all_supers;
}

struct superslab *super_next_locked(void) {
  struct link *link = all_supers.next;
  if (list_empty(&all_supers)) return NULL;
  list_remove(link);
  list_append(&all_supers, link);
  return LINK_OWNER(link, struct superslab, all);
}

/* The bin of a superslab with the free units W: the log2 of its longest run. */
static unsigned bin_of(uint64_t w) {
  unsigned bin = 0;
  if (!w) return BIN_NONE;
  for (unsigned step = 1; step < 64 && (w & (w >> step)); step *= 2, bin++) w &= w >> step;
  return bin;
}

void super_rebin_locked(struct superslab *super) {
  unsigned bin = bin_of(super->free);
  ASSERT_DEBUG(lock_held(&pool_of_supers));
  if (bin == super->bin_index) return;
  if (super->bin_index == BIN_EMPTY) empty_count--;
  if (super->bin_index != BIN_NONE) list_remove(&super->bin);
  if (bin != BIN_NONE) list_push(&bins[bin], &super->bin);
  if (bin == BIN_EMPTY) empty_count++;
  super->bin_index = bin;
}

struct superslab *super_coldest_locked(uint64_t now) {
  struct superslab *coldest = NULL;
  int patience = 64; /* the list is in the order in which they became dirty, which is nearly it */
  LIST_EACH(link, &dirty_list) {
    struct superslab *super = LINK_OWNER(link, struct superslab, dirty_link);
    bool purgeable = super_purgeable_locked(super, now);
    if (purgeable && (!coldest || super->given < coldest->given)) coldest = super;
    if ((patience -= purgeable ? 4 : 1) <= 0) break;
  }
  return coldest;
}

size_t super_dirty_bytes_locked(void) {
  size_t bytes = 0;
  LIST_EACH(link, &dirty_list)
    bytes += bit_count(LINK_OWNER(link, struct superslab, dirty_link)->dirty) * (size_t)UNIT_SIZE;
  return bytes;
}

struct superslab *super_next_dirty_locked(void) {
  return list_empty(&dirty_list) ? NULL
                                 : LINK_OWNER(dirty_list.next, struct superslab, dirty_link);
}

void super_relist_dirty_locked(struct superslab *super, uint64_t now) {
  list_remove(&super->dirty_link);
  list_append(&dirty_list, &super->dirty_link);
  super->aged = super->dirty;
  super->since = now;
}

/* At no time do bytes count that do not fit. */
bool super_admit(size_t bytes, struct refusal *why) {
  uint64_t limit = option(OPT_LIMIT) ? option(OPT_LIMIT) : UINT64_MAX;
  uint64_t before = count_read(CNT_SUPER_BYTES);
  do {
    if (bytes > limit || before > limit - bytes) {
      *why = (struct refusal){REASON_EXHAUSTION, 0, bytes};
      return false;
    }
  } while (!cas_acq(&counter_value[CNT_SUPER_BYTES], &before, before + bytes));
  room_spend(bytes);
  return true;
}

void super_dismiss(size_t bytes) {
  count_down_any(CNT_SUPER_BYTES, bytes);
}

/* Maps a superslab that no list knows yet. */
static struct superslab *super_map_new(struct refusal *why) {
  struct superslab *super;
  char *base;
  if (!super_admit(SUPER_SIZE, why)) return NULL;
  *why = (struct refusal){REASON_MAPFAIL, ENOMEM, SUPER_SIZE};
  super = spare_take(&why->error);
  if (!super) goto no_descriptor;
  base = os_map_aligned(SUPER_SIZE, SUPER_SIZE, &why->error);
  if (!base) goto no_memory;
  if (!map_cover(base, &why->error)) goto no_leaf;
  thp_tell(base, SUPER_SIZE);
  super->base = base;
  super->free = ~(uint64_t)0;
  super->dirty = super->aged = super->lazy = 0;
  super->locked = super->refused = 0;
  super->bin_index = BIN_NONE;
  super->owner = 0;
  units_note_touched(super, 0, SUPER_UNITS, 0);
  if (super->states) os_purge(super->states, STATES_BYTES);
  list_init(&super->bin);
  list_init(&super->dirty_link);
  map_set_super(base, super);
  count_any(CNT_SUPER_MAPPED, 1);
  purge_note_live();
  return super;
no_leaf:
  why->bytes += sizeof(struct leaf);
  os_discard(base, SUPER_SIZE);
no_memory:
  spare_give(super);
no_descriptor:
  super_dismiss(SUPER_SIZE);
  return NULL;
}

/* Makes a superslab known that is all free. */
static void super_enlist(struct superslab *super) {
  super_lock();
  if (super->dirty) super_relist_dirty_locked(super, os_milliseconds());
  list_append(&all_supers, &super->all);
  super_rebin_locked(super);
  super_unlock();
}

static void forget_lazy(struct superslab *super, uint64_t mask) {
  mask &= super->lazy;
  if (!mask) return;
  super->lazy &= ~mask;
  count_down_any(CNT_LAZY_BYTES, (size_t)bit_count(mask) << UNIT_SHIFT);
}

/* Takes an empty superslab off all lists, for super_retire after the unlock. */
static void super_delist_locked(struct superslab *super) {
  ASSERT_DEBUG(super->bin_index == BIN_EMPTY);
  list_remove(&super->bin);
  super->bin_index = BIN_NONE;
  empty_count--;
  list_remove(&super->all);
  if (super->dirty) {
    list_remove(&super->dirty_link);
    purge_release((size_t)bit_count(super->dirty) << UNIT_SHIFT);
    count_any(CNT_PURGED_BYTES, (size_t)bit_count(super->dirty) << UNIT_SHIFT);
    super->dirty = super->aged = 0;
  }
  forget_lazy(super, super->lazy);
}

/* All of SUPER, which nobody else knows, may be resident. */
static void all_dirty(struct superslab *super) {
  super->dirty = ~(uint64_t)0;
  units_note_touched(super, 0, SUPER_UNITS, SUPER_SIZE);
  purge_retain(SUPER_SIZE);
}

/* Gives a delisted superslab back. When the system refuses, its pages go and it is kept. */
static size_t super_retire(struct superslab *super) {
  map_set_super(super->base, NULL);
  if (os_unmap(super->base, SUPER_SIZE)) {
    super_dismiss(SUPER_SIZE);
    count_any(CNT_SUPER_UNMAPPED, 1);
    spare_give(super);
    return SUPER_SIZE;
  }
  if (!os_purge(super->base, SUPER_SIZE)) all_dirty(super);
  map_set_super(super->base, super);
  super_enlist(super);
  return 0;
}

static struct superslab *oldest_empty_locked(unsigned keep) {
  struct superslab *super;
  if (empty_count <= keep) return NULL;
  super = LINK_OWNER(bins[BIN_EMPTY].prev, struct superslab, bin);
  super_delist_locked(super);
  return super;
}

size_t super_drop_empty(unsigned keep) {
  size_t bytes = 0;
  for (;;) {
    struct superslab *super;
    size_t retired;
    super_lock();
    super = oldest_empty_locked(keep);
    super_unlock();
    retired = super ? super_retire(super) : 0;
    if (!retired) return bytes;
    bytes += retired;
  }
}

unsigned super_prewarm(unsigned n, struct refusal *why) {
  unsigned done = 0;
  for (; done < n; done++) {
    struct superslab *super = super_map_new(why);
    if (!super) break;
    if (os_populate(super->base, SUPER_SIZE)) all_dirty(super);
    super_enlist(super);
  }
  return done;
}

static unsigned most_empty(void) {
  return (unsigned)max_size(option(OPT_SS_CACHE), option(OPT_PREWARM));
}

void super_drop_surplus(void) {
  super_drop_empty(most_empty());
}

/* Every ALIGN-th bit; ALIGN is a power of two up to 64. */
static uint64_t aligned_bits(unsigned align) {
  uint64_t mask = 1;
  for (unsigned step = align; step < 64; step *= 2) mask |= mask << step;
  return mask;
}

static void hold_locked(struct superslab *super, unsigned first, unsigned n, struct units *out) {
  uint64_t span = bit_span(first, n);
  uint64_t dirty = super->dirty & span;
  uint64_t stale = (super->dirty | super->lazy) & span;
  if (super->bin_index == BIN_EMPTY) count_any(CNT_SUPER_REUSED, 1);
  super->free &= ~span;
  super->dirty &= ~span;
  super->aged &= ~span;
  forget_lazy(super, span);
  if (dirty) purge_release((size_t)bit_count(dirty) << UNIT_SHIFT);
  if (dirty && !super->dirty) list_remove(&super->dirty_link);
  super_rebin_locked(super);
  count_any(CNT_UNITS_TAKEN, n);
  *out = (struct units){super, first, stale};
}

/* Free units that may have pages: dirty ones, and lazy ones until the system takes theirs. */
static uint64_t resident_units(const struct superslab *super) {
  return super->dirty | super->lazy;
}

/* Of the places STARTS for N units the one with the most of UNITS, then the lowest. */
static unsigned most_resident(uint64_t units, uint64_t starts, unsigned n) {
  unsigned best = bit_lowest(starts);
  unsigned most = bit_count(units & bit_span(best, n));
  for (; starts; starts &= starts - 1) {
    unsigned first = bit_lowest(starts);
    unsigned resident = bit_count(units & bit_span(first, n));
    if (resident <= most) continue;
    best = first;
    most = resident;
  }
  return best;
}

struct place {
  struct superslab *super; /* NULL: none yet */
  unsigned first, resident; /* units */
};

/* The better of BEST and what SUPER has for N units at one of the places STARTS. */
static void prefer(struct place *best, struct superslab *super, uint64_t starts, unsigned n) {
  uint64_t units = resident_units(super);
  uint64_t whole = bit_run_starts(units, n) & starts;
  if (best->super && !units) return;
  unsigned first = whole ? bit_lowest(whole) : most_resident(units, starts, n);
  unsigned resident = bit_count(units & bit_span(first, n));
  if (!best->super || resident > best->resident) *best = (struct place){super, first, resident};
}

/* Looks through the bins from the fullest superslabs to the emptiest, for N units of which as many
 * as possible are resident already, wherever they are: those cost no page fault, and memory stays
 * small. */
static bool take_locked(uint32_t owner, unsigned n, uint64_t allowed, struct units *out) {
  struct place best = {NULL, 0, 0};
  unsigned enough = list_empty(&dirty_list) && !count_read(CNT_LAZY_BYTES) ? 0 : n;
  for (unsigned bin = bit_highest(n); bin < BINS; bin++) {
    int patience = 16; /* superslabs of a bin that may hold too short a run, or a misaligned one */
    LIST_EACH(link, &bins[bin]) {
      struct superslab *super = LINK_OWNER(link, struct superslab, bin);
      uint64_t starts = bit_run_starts(super->free, n) & allowed;
      if (starts && super->owner == owner) prefer(&best, super, starts, n);
      if ((best.super && best.resident >= enough) || !--patience) break;
    }
    if (best.super && best.resident >= enough) break;
  }
  if (best.super) hold_locked(best.super, best.first, n, out);
  return best.super != NULL;
}

bool units_take_of(uint32_t owner, unsigned n, unsigned align, struct units *out,
                   struct refusal *why) {
  struct superslab *fresh;
  bool taken;
  super_lock();
  taken = take_locked(owner, n, aligned_bits(align), out);
  super_unlock();
  if (taken) return true;
  fresh = super_map_new(why);
  if (!fresh) return false;
  fresh->owner = owner;
  super_lock();
  list_append(&all_supers, &fresh->all); /* in no bin before it is held: it was never empty */
  hold_locked(fresh, 0, n, out);
  super_unlock();
  return true;
}

void units_note_touched(struct superslab *super, unsigned first, unsigned n, size_t bytes) {
  uint8_t *touched = &super->touched[first];
  size_t whole = min_size(bytes >> UNIT_SHIFT, n);
  size_t rest = bytes & (UNIT_SIZE - 1);
  memset(touched, UNIT_PARTS, whole);
  memset(touched + whole, 0, n - whole);
  if (whole < n) touched[whole] = (uint8_t)((rest * UNIT_PARTS + UNIT_SIZE - 1) >> UNIT_SHIFT);
}

size_t units_touched(const struct superslab *super, unsigned first, unsigned n) {
  while (n > 1 && !super->touched[first + n - 1]) n--;
  return ((n - 1) * (size_t)UNIT_PARTS + super->touched[first + n - 1]) * (UNIT_SIZE / UNIT_PARTS);
}

void super_free_locked(struct superslab *super, uint64_t units, uint64_t now) {
  super->free |= units;
  super->dirty |= units;
  super->locked &= ~units;
  if (super->dirty == units) super_relist_dirty_locked(super, now);
  super->given = now;
  super_rebin_locked(super);
}

void units_give(struct superslab *super, unsigned first, unsigned n) {
  uint64_t span = bit_span(first, n);
  uint64_t now = os_milliseconds();
  struct superslab *surplus;
  purge_retain((size_t)n << UNIT_SHIFT);
  super_lock();
  ASSERT(!(super->free & span)); /* I5: given once */
  super_free_locked(super, span, now);
  surplus = oldest_empty_locked(most_empty());
  super_unlock();
  count_any(CNT_UNITS_GIVEN, n);
  if (surplus) super_retire(surplus);
}

bool units_extend(struct superslab *super, unsigned first, unsigned old, unsigned n) {
  struct units more;
  bool free;
  if (first + n > SUPER_UNITS) return false;
  super_lock();
  free = !(~super->free & bit_span(first + old, n - old));
  if (free) hold_locked(super, first + old, n - old, &more);
  super_unlock();
  return free;
}

void super_fork_take(void) {
  lock_fork_take(&pool_of_supers);
  spare_fork_take();
  meta_fork_take();
  map_fork_take();
  debt_fork_take();
}

void super_fork_drop(void) {
  debt_fork_drop();
  map_fork_drop();
  meta_fork_drop();
  spare_fork_drop();
  lock_fork_drop(&pool_of_supers);
}
