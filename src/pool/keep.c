#include "pool/keep.h"

#include <string.h>

#include "base/text.h"
#include "diag/counter.h"
#include "diag/option.h"
#include "os/map.h"
#include "os/process.h"
#include "super/meta.h"
#include "super/purge.h"

/* In one line of the cache, which comes once for each block that comes or goes. */
static struct {
  struct lock lock;
  /* [lock keep] of both lists; relaxed to see whether there may be too much */
  unsigned number;
  size_t mapped;
  size_t dirty;
  struct link dirty_ones; /* [lock keep] most recently kept first */
  struct link clean_ones; /* [lock keep] likewise */
} kept ALIGNED(64);
static struct link spare; /* [lock keep] descriptors without a mapping */

static struct huge *huge_of(struct link *link) {
  return LINK_OWNER(link, struct huge, link);
}

struct huge *keep_descriptor(int *error) {
  struct huge *huge = NULL;
  lock_take(&kept.lock);
  if (!list_empty(&spare)) {
    huge = huge_of(spare.next);
    list_remove(&huge->link);
  }
  lock_drop(&kept.lock);
  return huge ? huge : meta_alloc(sizeof *huge, 16, error);
}

void keep_descriptor_give(struct huge *huge) {
  lock_take(&kept.lock);
  list_push(&spare, &huge->link);
  lock_drop(&kept.lock);
}

/* --- in and out of the lists --- */

static void count_locked(unsigned n, size_t mapped, size_t dirty) {
  st_rlx_any(&kept.number, n);
  st_rlx_any(&kept.mapped, mapped);
  st_rlx_any(&kept.dirty, dirty);
}

static void remove_locked(struct huge *huge) {
  list_remove(&huge->link);
  count_locked(kept.number - 1, kept.mapped - huge->mapped, kept.dirty - huge->dirty);
  purge_release(huge->dirty);
}

/* OLDEST: it is the first to go on, not the last. */
static void insert(struct huge *huge, bool oldest) {
  struct link *list = huge->dirty ? &kept.dirty_ones : &kept.clean_ones;
  purge_retain(huge->dirty); /* before others can take and release it */
  lock_take(&kept.lock);
  if (oldest)
    list_append(list, &huge->link);
  else
    list_push(list, &huge->link);
  count_locked(kept.number + 1, kept.mapped + huge->mapped, kept.dirty + huge->dirty);
  lock_drop(&kept.lock);
}

void keep_put(struct huge *huge) {
  huge->since = os_milliseconds();
  insert(huge, false);
}

static struct huge *oldest_locked(struct link *list) {
  return list_empty(list) ? NULL : huge_of(list->prev);
}

/* --- for a block --- */

/* What a block of BYTES would take of a mapping: whole superslabs where enough with pages is behind
 * them for a mapping of its own. */
static size_t share(const struct huge *huge, size_t bytes) {
  size_t cut = round_up(bytes, SUPER_SIZE);
  bool enough = huge->mapped >= cut + HUGE_PAGE && huge->dirty >= cut + HUGE_REST;
  return enough ? cut : huge->mapped;
}

/* More than twice the block in pages would cost more to purge than the block's own save. */
static bool fits(const struct huge *huge, size_t bytes, size_t align) {
  size_t most = option(OPT_PURGE) == PURGE_OFF ? bytes + bytes / 4 : 2 * bytes;
  size_t taken = share(huge, bytes);
  if (taken < bytes || taken / HUGE_WASTE > bytes) return false;
  return min_size(huge->dirty, taken) <= most && !((uintptr_t)huge->base & (align - 1));
}

/* Resident pages first, then the least address space, of which a quarter more will do. */
static bool better(const struct huge *a, const struct huge *b, size_t bytes) {
  size_t saves = min_size(a->dirty, bytes);
  size_t other = min_size(b->dirty, bytes);
  return saves != other ? saves > other : a->mapped < b->mapped;
}

static struct huge *best_locked(struct link *list, size_t bytes, size_t align) {
  struct huge *best = NULL;
  LIST_EACH(link, list) {
    struct huge *huge = huge_of(link);
    if (fits(huge, bytes, align) && (!best || better(huge, best, bytes))) best = huge;
    if (best && !best->dirty && best->mapped <= bytes + bytes / 4) break;
  }
  return best;
}

/* Purges all from KEEP on, also what was swapped out. Returns how many bytes may have been
 * resident; 0: refused. */
static size_t purge_from(struct huge *huge, size_t keep) {
  size_t bytes = huge->dirty > keep ? huge->dirty - keep : 0;
  count_any(CNT_PURGES, 1);
  if (!os_purge(huge->base + keep, huge->filled - keep)) return 0;
  count_any(CNT_PURGED_BYTES, bytes);
  huge->filled = keep;
  huge->dirty = min_size(huge->dirty, keep);
  return bytes;
}

bool keep_zero(struct huge *huge) {
  bool worth = huge->dirty && os_resident_mostly(huge->base, huge->dirty);
  size_t stays = worth ? huge->dirty : 0;
  if (huge->filled > stays) purge_from(huge, stays);
  if (huge->filled > stays) return false;
  memset(huge->base, 0, min_size(stays, huge->used));
  return true;
}

/* Keeps what is behind the block's share as a mapping of its own, if there is a descriptor. */
static void split(struct huge *huge, size_t bytes) {
  size_t cut = share(huge, bytes);
  int error;
  struct huge *rest;
  if (cut == huge->mapped || !map_cover(huge->base + cut, &error)) return;
  rest = keep_descriptor(&error);
  if (!rest) return;
  *rest = *huge;
  rest->base += cut;
  rest->mapped -= cut;
  rest->filled -= cut;
  rest->dirty -= cut;
  huge->mapped = huge->filled = huge->dirty = cut;
  count_any(CNT_HUGE_MAPPED, 1);
  keep_put(rest);
}

/* Up to a quarter more than was asked for stays, and is the block's. */
struct huge *keep_take(size_t bytes, size_t align, bool dirty) {
  struct huge *best;
  if (!ld_rlx(&kept.number)) return NULL;
  lock_take(&kept.lock);
  best = best_locked(dirty ? &kept.dirty_ones : &kept.clean_ones, bytes, align);
  if (best) remove_locked(best);
  lock_drop(&kept.lock);
  if (!best) return NULL;
  split(best, bytes);
  if (best->dirty > bytes + bytes / 4) purge_from(best, bytes);
  st_rlx_any(&best->used, max_size(bytes, best->dirty));
  return best;
}

struct huge *keep_take_smaller(size_t bytes) {
  struct huge *best = NULL;
  if (!ld_rlx(&kept.dirty)) return NULL;
  lock_take(&kept.lock);
  LIST_EACH(link, &kept.dirty_ones) {
    struct huge *huge = huge_of(link);
    if (huge->mapped >= bytes || huge->dirty < bytes / HUGE_WORTH) continue;
    if (!best || huge->dirty > best->dirty) best = huge;
  }
  if (best) remove_locked(best);
  lock_drop(&kept.lock);
  return best;
}

/* --- back to the system --- */

size_t keep_unmap(struct huge *huge) {
  size_t bytes = huge->mapped;
  if (os_unmap(huge->base, bytes)) {
    super_dismiss(bytes);
    count_any(CNT_HUGE_UNMAPPED, 1);
    keep_descriptor_give(huge);
    return bytes;
  }
  if (os_purge(huge->base, bytes)) huge->filled = huge->dirty = 0;
  huge->since = os_milliseconds();
  insert(huge, false);
  return 0;
}

/* Gives back a mapping that was kept, if there is one. Returns its bytes; 0: none, or refused. */
static size_t drop(struct huge *huge) {
  size_t dirty = huge ? huge->dirty : 0;
  size_t gone = huge ? keep_unmap(huge) : 0;
  if (gone) count_any(CNT_PURGED_BYTES, dirty);
  return gone;
}

static struct huge *take_oldest_dirty(void) {
  struct huge *huge;
  lock_take(&kept.lock);
  huge = oldest_locked(&kept.dirty_ones);
  if (huge) remove_locked(huge);
  lock_drop(&kept.lock);
  return huge;
}

uint64_t keep_coldest(void) {
  struct huge *huge;
  uint64_t since;
  lock_take(&kept.lock);
  huge = oldest_locked(&kept.dirty_ones);
  since = huge ? huge->since : UINT64_MAX;
  lock_drop(&kept.lock);
  return since;
}

size_t keep_purge(size_t excess) {
  struct huge *huge = take_oldest_dirty();
  size_t page = huge && huge->huge_pages ? HUGE_PAGE : os_page_size();
  size_t cut;
  if (!huge) return 0;
  cut = purge_from(huge, (huge->dirty - min_size(excess, huge->dirty)) & ~(page - 1));
  if (!cut) return drop(huge); /* locked pages go with their mapping alone */
  if (!huge->dirty) huge->since = os_milliseconds();
  insert(huge, huge->dirty);
  return cut;
}

/* How much may stay kept. */
struct bounds {
  unsigned most;
  size_t mapped;
  size_t dirty;
  bool clean; /* mappings without pages may, too */
};

/* The oldest without pages, else the oldest of all, where more than that is kept. */
static struct huge *take_beyond(const struct bounds *b) {
  struct huge *huge = NULL;
  bool beyond;
  lock_take(&kept.lock);
  beyond = kept.number > b->most || kept.mapped > b->mapped || kept.dirty > b->dirty;
  if (beyond || !b->clean) huge = oldest_locked(&kept.clean_ones);
  if (beyond && !huge) huge = oldest_locked(&kept.dirty_ones);
  if (huge) remove_locked(huge);
  lock_drop(&kept.lock);
  return huge;
}

static size_t drop_beyond(const struct bounds *b) {
  size_t bytes = 0;
  size_t gone;
  while ((gone = drop(take_beyond(b)))) bytes += gone;
  return bytes;
}

void keep_within_bounds(void) {
  /* Every slab and run that goes back asks: without the lock, for mostly there is nothing to do. */
  if (ld_rlx(&kept.number) <= HUGE_KEPT && ld_rlx(&kept.mapped) <= HUGE_KEPT_BYTES) return;
  drop_beyond(&(struct bounds){HUGE_KEPT, HUGE_KEPT_BYTES, SIZE_MAX, true});
}

size_t keep_drop(size_t dirty) {
  return drop_beyond(&(struct bounds){UINT32_MAX, SIZE_MAX, dirty, false});
}

static struct huge *take_aged(uint64_t by) {
  struct huge *huge;
  lock_take(&kept.lock);
  huge = oldest_locked(&kept.dirty_ones);
  if (!huge || huge->since > by) huge = oldest_locked(&kept.clean_ones);
  if (huge && huge->since > by) huge = NULL;
  if (huge) remove_locked(huge);
  lock_drop(&kept.lock);
  return huge;
}

size_t keep_drop_aged(uint64_t by, size_t batch) {
  size_t bytes = 0;
  size_t gone;
  while (bytes < batch && (gone = drop(take_aged(by)))) bytes += gone;
  return bytes;
}

size_t keep_mapped(void) {
  return ld_rlx(&kept.mapped);
}

unsigned keep_ranges(struct huge_range *out, unsigned most) {
  struct link *lists[] = {&kept.dirty_ones, &kept.clean_ones};
  unsigned n = 0;
  lock_take(&kept.lock);
  for (int i = 0; i < 2; i++) {
    LIST_EACH(link, lists[i]) {
      const struct huge *huge = huge_of(link);
      if (n == most) break;
      out[n++] = (struct huge_range){huge->base, huge->mapped};
    }
  }
  lock_drop(&kept.lock);
  return n;
}

void keep_fork_take(void) {
  lock_fork_take(&kept.lock);
}

void keep_fork_drop(void) {
  lock_fork_drop(&kept.lock);
}

void keep_fork_child(void) {
  st_rlx(&counter_value[CNT_RETAINED_BYTES], kept.dirty);
}

int keep_check(void) {
  struct link *lists[] = {&kept.dirty_ones, &kept.clean_ones};
  size_t mapped = 0;
  size_t dirty = 0;
  unsigned n = 0;
  bool agrees = true;
  lock_take(&kept.lock);
  for (int i = 0; i < 2; i++) {
    LIST_EACH(link, lists[i]) {
      const struct huge *huge = huge_of(link);
      mapped += huge->mapped;
      dirty += huge->dirty;
      agrees = agrees && huge->dirty <= huge->filled && huge->filled <= huge->mapped &&
               !huge->dirty == (i == 1);
      n++;
    }
  }
  agrees = agrees && n == kept.number && mapped == kept.mapped && dirty == kept.dirty;
  lock_drop(&kept.lock);
  return agrees ? 0 : text_violated("S4: the kept huge mappings do not add up", NULL);
}
