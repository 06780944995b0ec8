#include "super/purge.h"

#include "os/map.h"
#include "super/superslab.h"

void purge_retain(size_t bytes) {
  count_any(CNT_RETAINED_BYTES, bytes);
}

void purge_release(size_t bytes) {
  count_down_any(CNT_RETAINED_BYTES, bytes);
}

size_t purge_budget(void) {
  uint64_t units = count_read(CNT_UNITS_TAKEN) - count_read(CNT_UNITS_GIVEN);
  uint64_t live = (units << UNIT_SHIFT) + count_read(CNT_HUGE_BYTES);
  /* asked for: not to be purged at the first free */
  size_t warm = option(OPT_PREWARM) * SUPER_SIZE;
  return max_size(max_size(option(OPT_RETAIN), live / 10), warm);
}

/* Purges the units of MASK, range by range. Returns the units that the system refused to take. */
static uint64_t purge_units(char *base, uint64_t mask) {
  uint64_t refused = 0;
  while (mask) {
    unsigned first = bit_lowest(mask);
    uint64_t beyond = ~(mask >> first);
    unsigned n = beyond ? bit_lowest(beyond) : 64;
    uint64_t span = bit_span(first, n);
    count_any(CNT_PURGES, 1);
    if (!os_purge(base + ((size_t)first << UNIT_SHIFT), (size_t)n << UNIT_SHIFT)) refused |= span;
    mask &= ~span;
  }
  return refused;
}

/* While its pages go, a unit is neither free nor dirty: nobody can take it in between. */
static size_t purge_one(struct superslab *super) {
  uint64_t mask = super->dirty;
  uint64_t refused;
  size_t bytes;
  super->dirty = 0;
  super->free &= ~mask;
  list_remove(&super->dirty_link);
  super_rebin_locked(super);
  super_unlock();
  refused = purge_units(super->base, mask);
  bytes = (size_t)bit_count(mask & ~refused) << UNIT_SHIFT;
  count_any(CNT_PURGED_BYTES, bytes);
  purge_release((size_t)bit_count(mask) << UNIT_SHIFT);
  super_lock();
  for (uint64_t done = mask & ~refused; done; done &= done - 1)
    super->touched[bit_lowest(done)] = 0;
  super->free |= mask; /* what was refused is zero-filled no more, and no longer counted either */
  super->dirty |= refused;
  if (refused) {
    purge_retain((size_t)bit_count(refused) << UNIT_SHIFT);
    super_relist_dirty_locked(super);
  }
  super_rebin_locked(super);
  return bytes;
}

size_t purge_down_to(size_t keep) {
  size_t bytes = 0;
  super_lock();
  while (count_read(CNT_RETAINED_BYTES) > keep) {
    struct superslab *super = super_next_dirty_locked();
    size_t purged = super ? purge_one(super) : 0;
    if (!purged) break; /* nothing dirty, or the system refuses: the next free tries again */
    bytes += purged;
  }
  super_unlock();
  return bytes;
}

COLD void purge_settle(void) {
  purge_down_to(purge_budget() / 4 * 3);
}
