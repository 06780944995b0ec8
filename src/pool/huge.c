#include "pool/huge.h"

#include <errno.h>

#include "base/text.h"
#include "diag/counter.h"
#include "diag/option.h"
#include "os/map.h"
#include "os/process.h"
#include "pool/decay.h"
#include "pool/habit.h"
#include "pool/keep.h"
#include "super/thp.h"

/* Moves the pages to where BYTES fit. The map must not know the old address any more: the kernel
 * may give it to somebody else. */
static bool relocate(struct huge *huge, size_t bytes) {
  char *to = os_reserve_aligned(bytes, SUPER_SIZE);
  int error;
  if (!to) return false;
  if (!map_cover(to, &error)) {
    os_discard(to, bytes);
    return false;
  }
  /* What lies behind the block goes by itself: the program may have split the mapping there. */
  if (!os_move(huge->base, huge->used, bytes, to)) return false;
  os_discard(huge->base + huge->used, huge->mapped - huge->used);
  huge->base = to;
  huge->filled = min_size(huge->filled, huge->used);
  count_any(CNT_HUGE_MOVED, 1);
  return true;
}

/* As relocate, of a live block: the map forgets the old address before, and knows the new one
 * before anybody does. */
static bool move(struct huge *huge, size_t bytes) {
  bool moved;
  map_set_tags(huge->base, 1, 0);
  map_set_super(huge->base, NULL);
  moved = relocate(huge, bytes);
  map_set_super(huge->base, huge);
  map_set_tags(huge->base, 1, TAG_HUGE);
  return moved;
}

/* Makes the mapping one of BYTES, which is more than it has: in place, or as MOVED does. */
static bool widen(struct huge *huge, size_t bytes, bool (*moved)(struct huge *, size_t),
                  struct refusal *why) {
  size_t more = bytes - huge->mapped;
  if (!super_admit(more, why)) return false;
  if (os_resize(huge->base, huge->mapped, bytes) || moved(huge, bytes)) {
    huge->mapped = bytes;
    return true;
  }
  super_dismiss(more);
  *why = (struct refusal){REASON_MAPFAIL, ENOMEM, bytes};
  return false;
}

static void publish(struct huge *huge) {
  map_set_super(huge->base, huge);
  map_set_tags(huge->base, 1, TAG_HUGE);
  count_any(CNT_HUGE_LIVE, 1);
  count_any(CNT_HUGE_BYTES, huge->used);
  purge_note_live();
}

/* The mapping may be larger than the block, which has BYTES of it. */
static struct huge *map_new(size_t mapped, size_t bytes, size_t align, struct refusal *why) {
  struct huge *huge;
  if (!super_admit(mapped, why)) return NULL;
  *why = (struct refusal){REASON_MAPFAIL, ENOMEM, bytes};
  huge = keep_descriptor(&why->error);
  if (!huge) goto no_descriptor;
  huge->base = os_map_aligned(mapped, align, &why->error);
  if (!huge->base) goto no_memory;
  if (!map_cover(huge->base, &why->error)) goto no_leaf;
  thp_tell(huge->base, mapped);
  huge->mapped = mapped;
  huge->dirty = huge->filled = 0;
  huge->huge_pages = false;
  st_rlx_any(&huge->used, bytes);
  count_any(CNT_HUGE_MAPPED, 1);
  return huge;
no_leaf:
  why->bytes += sizeof(struct leaf);
  os_discard(huge->base, mapped);
no_memory:
  keep_descriptor_give(huge);
no_descriptor:
  super_dismiss(mapped);
  return NULL;
}

/* The pages of a smaller freed mapping, with more address space behind them: moving them costs less
 * than new ones. */
static struct huge *widen_kept(size_t bytes, size_t align) {
  struct refusal why;
  struct huge *huge = align > SUPER_SIZE ? NULL : keep_take_smaller(bytes);
  if (!huge) return NULL;
  st_rlx_any(&huge->used, huge->filled); /* what has to move */
  if (widen(huge, bytes, relocate, &why)) {
    st_rlx_any(&huge->used, bytes);
    return huge;
  }
  keep_put(huge);
  return NULL;
}

/* --- huge pages, where a block will be full --- */

/* Nowhere else does anybody ask: what the system does by itself needs no help. */
static bool huge_pages_help(void) {
  return option(OPT_THP) == THP_AUTO && os_huge_pages_given() == HUGE_PAGES_ASKED;
}

/* May a page come that goes beyond the end of a block? In a crowd none comes unasked. */
static bool may_exceed(const struct huge *huge) {
  uint64_t thp = option(OPT_THP);
  if (huge->huge_pages) return true;
  if (thp == THP_NEVER || count_read(CNT_HUGE_LIVE) >= HUGE_CROWD) return false;
  return thp == THP_ALWAYS || os_huge_pages_given() == HUGE_PAGES_ALWAYS;
}

static bool cut(struct huge *huge, size_t bytes) {
  if (!os_resize(huge->base, huge->mapped, bytes)) return false;
  super_dismiss(huge->mapped - bytes);
  huge->mapped = bytes;
  huge->filled = min_size(huge->filled, bytes);
  return true;
}

/* Gives up so much of the address space behind the block that its last huge page cannot fill it. */
static void cut_spare(struct huge *huge) {
  size_t end = round_up(huge->used, HUGE_PAGE);
  if (end > huge->mapped || end == huge->used) return;
  cut(huge, end - os_page_size());
}

static void suit(struct huge *huge, bool full) {
  if (full != huge->huge_pages && os_huge_pages(huge->base, huge->mapped, full))
    huge->huge_pages = full;
  if (may_exceed(huge)) cut_spare(huge);
}

/* With huge pages: if the last one goes only a little beyond a block of BYTES, the block does. */
static size_t with_tail(size_t bytes) {
  size_t whole = round_up(bytes, HUGE_PAGE);
  return whole - bytes <= bytes / HUGE_TAIL ? whole : bytes;
}

/* Will a block of *BYTES have huge pages? */
static bool want_huge_pages(size_t *bytes) {
  if (!huge_pages_help() || !habit_full(*bytes)) return false;
  *bytes = with_tail(*bytes);
  return true;
}

/* Did the program fill a block? Small pages tell that were not there when it got it, the first
 * BEFORE bytes: all the others, or its end, behind the last huge page. */
static void learn(const struct huge *huge, size_t before) {
  size_t from = huge->huge_pages ? huge->used & ~((size_t)HUGE_PAGE - 1) : 0;
  enum habit habit = huge->dirty > before ? HABIT_PARTLY : HABIT_UNTOUCHED;
  from = max_size(from, before);
  if (huge->used < from + HABIT_PROBE) return;
  if (huge->dirty == huge->used && os_resident_mostly(huge->base + from, huge->used - from))
    habit = huge->huge_pages ? HABIT_FULL_HUGE : HABIT_FULL_SMALL;
  habit_note(huge->used, habit);
}

/* Finds out what of a block that comes back may be resident. Behind its end may be what was swapped
 * out before the mapping became its own: not resident, and not zero. A program that touches no more
 * of such blocks than what was resident before is not asked each time: what is behind that, and
 * behind what the last look found, is purged, which costs less where there is nothing. */
static void look_back(struct huge *huge, bool kept) {
  size_t before = min_size(huge->dirty, huge->used);
  size_t stays = max_size(before, min_size(habit_touched(huge->used), huge->used));
  bool off = option(OPT_PURGE) == PURGE_OFF;
  huge->filled = huge->dirty = max_size(huge->filled, huge->used);
  if (kept && !off && habit_left(huge->used) &&
      os_purge(huge->base + stays, huge->filled - stays)) {
    huge->filled = huge->dirty = stays;
    return;
  }
  if (kept) {
    huge->dirty = os_resident_end(huge->base, huge->filled);
    habit_note_touched(huge->used, huge->dirty);
  }
  learn(huge, before);
}

/* --- a block --- */

/* In a crowd a block's mapping goes up to the next block, so that the kernel makes one of many.
 * Without huge pages, or the last one might be resident behind the block's end. */
static struct huge *map_whole(size_t bytes, size_t align, struct refusal *why) {
  size_t whole = round_up(bytes, SUPER_SIZE);
  uint64_t live = count_read(CNT_HUGE_LIVE);
  struct huge *huge;
  if (live < HUGE_CROWD || live >= HUGE_CROWD_MOST || whole < bytes) return NULL;
  if (option(OPT_THP) == THP_ALWAYS) return NULL;
  huge = map_new(whole, bytes, align, why);
  if (huge && os_huge_pages_given() != HUGE_PAGES_ASKED) os_huge_pages(huge->base, whole, false);
  return huge;
}

void *huge_get(size_t size, size_t align, bool *zeroed, struct refusal *why) {
  size_t bytes = round_up(size, os_page_size());
  size_t wide = max_size(align, SUPER_SIZE);
  bool full = want_huge_pages(&bytes);
  struct huge *huge = keep_take(bytes, wide, true);
  decay_pass();
  if (!huge) huge = widen_kept(bytes, wide);
  if (!huge) huge = keep_take(bytes, wide, false);
  if (huge)
    count_any(CNT_HUGE_REUSED, 1);
  else
    huge = map_whole(bytes, wide, why);
  if (!huge) huge = map_new(bytes, bytes, wide, why);
  if (!huge) return NULL;
  suit(huge, full);
  *zeroed = *zeroed && keep_zero(huge);
  publish(huge);
  return huge->base;
}

/* Whoever turns the tag to 0 has the right to the mapping: of two frees of one block, one. */
static struct huge *claim(void *p) {
  struct leaf *leaf = map_leaf(p);
  tag_t expected = TAG_HUGE;
  struct huge *huge;
  if (!cas_acq(&leaf->tag[map_unit(p)], &expected, 0)) return NULL;
  huge = map_super(p);
  map_set_super(p, NULL);
  count_down_any(CNT_HUGE_LIVE, 1);
  count_down_any(CNT_HUGE_BYTES, huge->used);
  return huge;
}

/* Units and mappings in the order in which they were freed, so that what a program uses again and
 * again stays. */
void huge_purge_beyond(void) {
  size_t budget = purge_budget();
  uint64_t retained;
  size_t gone = 1;
  while (gone && (retained = count_read(CNT_RETAINED_BYTES)) > budget) {
    bool units = purge_coldest() < keep_coldest();
    gone = units ? purge_one(false) : keep_purge(retained - budget);
    if (!gone) gone = units ? keep_purge(retained - budget) : purge_one(false);
  }
}

void huge_settle(void) {
  huge_fit_budget();
  keep_within_bounds();
  decay_pass();
}

/* A budget of 0 keeps nothing, not even address space. */
bool huge_give(void *p) {
  struct huge *huge;
  bool kept;
  if ((uintptr_t)p & (SUPER_SIZE - 1)) return false;
  huge = claim(p);
  if (!huge) return false;
  kept = huge->mapped <= HUGE_KEPT_BYTES && purge_budget();
  look_back(huge, kept);
  if (kept)
    keep_put(huge);
  else
    keep_unmap(huge);
  huge_settle(); /* the live memory fell, and the budget with it */
  return true;
}

size_t huge_drop_aged(uint64_t now, size_t batch) {
  uint64_t decay = option(OPT_DECAY_MS);
  if (option(OPT_PURGE) == PURGE_OFF || now < decay) return 0;
  return keep_drop_aged(now - decay, batch);
}

size_t huge_size(const void *p) {
  return ((const struct huge *)map_super(p))->used;
}

void huge_count_anew(void) {
  const struct leaf *leaf;
  size_t live = 0, used = 0, mapped = keep_mapped();
  for (unsigned entry = 0; count_read(CNT_HUGE_MAPPED) && (leaf = map_next(&entry));) {
    for (size_t i = 0; i < LEAF_SUPERS; i++) {
      const struct huge *huge = leaf->super[i];
      if (!huge || leaf->tag[i * SUPER_UNITS] != TAG_HUGE) continue;
      live++;
      used += huge->used;
      mapped += huge->mapped;
    }
  }
  st_rlx(&counter_value[CNT_HUGE_LIVE], live);
  st_rlx(&counter_value[CNT_HUGE_BYTES], used);
  count_any(CNT_SUPER_BYTES, mapped);
}

size_t huge_peek(const void *base) {
  const struct huge *huge = map_super(base); /* its memory stays a descriptor's for ever */
  return huge && (map_tag(base) & TAG_CODE_MASK) == TAG_HUGE ? ld_rlx(&huge->used) : 0;
}

/* --- another size --- */

static void resized(struct huge *huge, size_t bytes) {
  if (bytes > huge->used)
    count_any(CNT_HUGE_BYTES, bytes - huge->used);
  else
    count_down_any(CNT_HUGE_BYTES, huge->used - bytes);
  if (bytes > huge->used) purge_note_live();
  st_rlx_any(&huge->used, bytes);
}

/* What has grown by a little will again: a quarter more address space costs nothing. */
static bool grow(struct huge *huge, size_t bytes, struct refusal *why) {
  size_t wide = round_up(bytes + bytes / HUGE_SPARE, os_page_size());
  bool by_little = bytes < huge->used + huge->used / HUGE_SPARE;
  if (bytes <= huge->mapped || (by_little && widen(huge, wide, move, why))) return true;
  return widen(huge, bytes, move, why);
}

/* Pages go; address space, too, when there is much of it. Refused, as are pages that are locked, it
 * leaves the block as large as it was. */
static bool narrow(struct huge *huge, size_t bytes) {
  bool much = huge->mapped / HUGE_WASTE > bytes;
  if (much && cut(huge, bytes)) return true;
  return os_purge(huge->base + bytes, huge->used - bytes) || cut(huge, bytes);
}

void *huge_resize(void *p, size_t size, struct refusal *why) {
  struct huge *huge = map_super(p);
  size_t old = huge->used;
  size_t bytes = round_up(size, os_page_size());
  bool exceeds = may_exceed(huge);
  size_t whole = exceeds ? with_tail(bytes) : bytes;
  if (bytes <= old && old <= whole) return p;
  if (bytes > old) {
    if (grow(huge, whole, why)) bytes = whole;
    else if (bytes == whole || !grow(huge, bytes, why)) return NULL;
    resized(huge, bytes);
  } else if (narrow(huge, whole)) {
    resized(huge, whole);
    huge_settle();
  }
  if (exceeds) cut_spare(huge);
  return huge->base;
}
