/* S1..S4, by a walk over all superslabs. */
#include "diag/counter.h"
#include "super/purge.h"
#include "super/superslab.h"

static int violated(bool holds, const char *what, const struct superslab *super) {
  return holds ? 0 : text_violated(what, super->base);
}

static bool units_apart(const struct superslab *super) {
  uint64_t idle = super->dirty | super->lazy;
  return !(idle & ~super->free) && !(super->dirty & super->lazy) && !(super->aged & ~super->dirty);
}

static bool free_units_untagged(const struct superslab *super) {
  for (uint64_t w = super->free; w; w &= w - 1)
    if (map_tag(unit_address(super, bit_lowest(w)))) return false;
  return true;
}

/* The longest run of free units is at least 2^bin and less than 2^(bin+1). */
static bool bin_fits(const struct superslab *super) {
  unsigned bin = super->bin_index;
  if (bin == BIN_NONE) return !super->free;
  if (bin > BIN_EMPTY || !bit_run_starts(super->free, 1u << bin)) return false;
  return bin == BIN_EMPTY || !bit_run_starts(super->free, 2u << bin);
}

int super_check(void) {
  uint64_t dirty = 0;
  int bad = 0;
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    struct superslab *super = LINK_OWNER(link, struct superslab, all);
    dirty += bit_count(super->dirty);
    bad += violated(units_apart(super), "S1: a dirty or lazy unit is not free, or both", super);
    bad += violated(bin_fits(super), "S2: a superslab is in the wrong bin", super);
    bad += violated(free_units_untagged(super), "S3: a free unit has a tag", super);
    bad += violated(map_super(super->base) == super, "S3: a superslab is not in the map", super);
  }
  super_unlock();
  if ((dirty << UNIT_SHIFT) > count_read(CNT_RETAINED_BYTES))
    bad += text_violated("S4: more dirty units than retained bytes", NULL);
  return bad;
}
