/* Units that a fork left without a holder. */
#include "diag/counter.h"
#include "os/process.h"
#include "super/purge.h"
#include "super/superslab.h"

/* The units of SUPER that are held, but by no slab or run; the runs' are added to *RUNS. */
static uint64_t orphans(const struct superslab *super, size_t *runs) {
  uint64_t held = ~super->free;
  unsigned n;
  for (unsigned unit = 0; unit < SUPER_UNITS; unit += n) {
    tag_t tag = held >> unit & 1 ? map_tag(unit_address(super, unit)) : 0;
    n = tag ? (unsigned)max_size(ld_rlx(&super->length[unit]), 1) : 1;
    if (tag) held &= ~bit_span(unit, (unsigned)min_size(n, SUPER_UNITS - unit));
    if (tag == TAG_RUN) *runs += n;
  }
  return held;
}

static void take_back_locked(struct superslab *super, uint64_t units) {
  purge_retain_locked((size_t)bit_count(units) << UNIT_SHIFT);
  super_free_locked(super, units, os_milliseconds());
  for (; units; units &= units - 1) {
    super->touched[bit_lowest(units)] = UNIT_PARTS;
    st_rlx(&super->looked[bit_lowest(units)], 0);
  }
}

/* Who was purging, or about to give back, may have counted or not. */
void units_take_back(void) {
  size_t supers = 0, held = 0, runs = 0, lazy = 0;
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    struct superslab *super = LINK_OWNER(link, struct superslab, all);
    uint64_t units = orphans(super, &runs);
    if (units) take_back_locked(super, units);
    held += bit_count(~super->free);
    lazy += bit_count(super->lazy);
    supers++;
  }
  st_rlx(&counter_value[CNT_UNITS_GIVEN], count_read(CNT_UNITS_TAKEN) - held);
  st_rlx(&counter_value[CNT_RUN_BYTES], runs << UNIT_SHIFT);
  st_rlx(&counter_value[CNT_LAZY_BYTES], lazy << UNIT_SHIFT);
  st_rlx(&counter_value[CNT_SUPER_BYTES], supers << SUPER_SHIFT);
  super_unlock();
  super_drop_surplus();
}
