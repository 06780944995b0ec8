#include "pool/run.h"

#include <string.h>

#include "base/text.h"
#include "diag/counter.h"
#include "os/map.h"
#include "os/process.h"
#include "pool/decay.h"
#include "pool/habit.h"
#include "pool/huge.h"

static unsigned units_for(size_t size) {
  return size ? (unsigned)((size + UNIT_SIZE - 1) >> UNIT_SHIFT) : 1;
}

/* Zeroes the first BYTES of units some of which may hold others. Between those the pages that are
 * missing come in one call: no more than if all were written to. */
static void zero_stale(const struct units *units, size_t bytes) {
  char *p = unit_address(units->super, units->first);
  char *end = p + bytes;
  uint64_t stale = units->stale >> units->first;
  for (size_t here; p < end; p += here) {
    uint64_t change = stale & 1 ? ~stale : stale;
    unsigned n = change ? bit_lowest(change) : 64;
    here = min_size((size_t)n << UNIT_SHIFT, (size_t)(end - p));
    if (stale & 1) memset(p, 0, here);
    else os_populate(p, round_up(here, os_page_size()));
    stale = n < 64 ? stale >> n : 0;
  }
}

/* At a run's first unit: its pages are there only if the program touched them. */
enum { RUN_FRESH = 1 };

/* Zeros are read before they are written, mostly: two faults a page, where one call for all costs
 * less than one each, but for nothing if the program leaves most of them alone. */
static void expect(const struct units *units, unsigned n, size_t size) {
  if (habit_full((size_t)n << UNIT_SHIFT))
    os_populate(unit_address(units->super, units->first), round_up(size, os_page_size()));
  else
    st_rlx(&units->super->looked[units->first], RUN_FRESH);
}

/* Did the program fill a run that was fresh? */
static void look_back(struct superslab *super, unsigned first, unsigned n) {
  size_t whole = (size_t)(n - 1) << UNIT_SHIFT; /* of the last unit it has perhaps a page */
  bool full = os_resident_mostly(unit_address(super, first), whole);
  st_rlx(&super->looked[first], 0);
  habit_note((size_t)n << UNIT_SHIFT, full ? HABIT_FULL_SMALL : HABIT_PARTLY);
}

void *run_get(size_t size, size_t align, bool *zeroed, struct refusal *why) {
  unsigned n = units_for(size);
  unsigned align_units = align > UNIT_SIZE ? (unsigned)(align >> UNIT_SHIFT) : 1;
  struct units units;
  char *p;
  decay_pass();
  if (!units_take(n, align_units, &units, why)) return NULL;
  p = unit_address(units.super, units.first);
  st_rlx_any(&units.super->head[units.first], (uint8_t)units.first);
  st_rlx_any(&units.super->length[units.first], (uint8_t)n);
  units_note_touched(units.super, units.first, n, (size_t)n << UNIT_SHIFT);
  map_set_tags(p, 1, TAG_RUN);
  count_any(CNT_RUNS_TAKEN, 1);
  count_any(CNT_RUN_BYTES, (size_t)n << UNIT_SHIFT);
  if (*zeroed && units.stale) zero_stale(&units, size);
  else if (*zeroed) expect(&units, n, size);
  return p;
}

/* Whoever turns the tag to 0 may give the units back: of two frees of one block, one. */
static bool claim_tag(const void *p) {
  struct leaf *leaf = map_leaf(p);
  tag_t expected = TAG_RUN;
  return cas_acq(&leaf->tag[map_unit(p)], &expected, 0);
}

bool run_give(void *p) {
  struct superslab *super = map_super(p);
  unsigned first = unit_of(p);
  unsigned n;
  if (((uintptr_t)p & (UNIT_SIZE - 1)) || !claim_tag(p)) return false;
  n = ld_rlx(&super->length[first]);
  if (ld_rlx(&super->looked[first])) look_back(super, first, n);
  count_any(CNT_RUNS_GIVEN, 1);
  count_down_any(CNT_RUN_BYTES, (size_t)n << UNIT_SHIFT);
  units_give(super, first, n);
  huge_settle();
  return true;
}

size_t run_size(const void *p) {
  struct superslab *super = map_super(p);
  return (size_t)ld_rlx(&super->length[unit_of(p)]) << UNIT_SHIFT;
}

bool run_resize(void *p, size_t size) {
  struct superslab *super = map_super(p);
  unsigned first = unit_of(p);
  unsigned old = ld_rlx(&super->length[first]);
  unsigned n = units_for(size);
  if (n == old) return true;
  if (n > old && !units_extend(super, first, old, n)) return false;
  if (n > old) units_note_touched(super, first, n, (size_t)n << UNIT_SHIFT);
  st_rlx_any(&super->length[first], (uint8_t)n);
  if (n > old) {
    count_any(CNT_RUN_BYTES, (size_t)(n - old) << UNIT_SHIFT);
  } else {
    count_down_any(CNT_RUN_BYTES, (size_t)(old - n) << UNIT_SHIFT);
    units_give(super, first + n, old - n);
    huge_settle(); /* the live memory fell, and the budget with it */
  }
  return true;
}

static int check_super(struct superslab *super) {
  int bad = 0;
  for (uint64_t held = ~super->free; held; held &= held - 1) {
    unsigned unit = bit_lowest(held);
    unsigned n = ld_rlx(&super->length[unit]);
    if (map_tag(unit_address(super, unit)) != TAG_RUN) continue;
    if (n && unit + n <= SUPER_UNITS && !(super->free & bit_span(unit, n)) &&
        ld_rlx(&super->head[unit]) == unit)
      continue;
    bad += text_violated("M1: a run's length does not match the units it holds", super->base);
  }
  return bad;
}

int run_check(void) {
  int bad = 0;
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    bad += check_super(LINK_OWNER(link, struct superslab, all));
  }
  super_unlock();
  return bad;
}
