/* Units that a fork left without a holder. */
#include "diag/counter.h"
#include "os/process.h"
#include "super/purge.h"
#include "super/superslab.h"

/* The units of SUPER that are held, but by no slab or run. */
static uint64_t orphans(const struct superslab *super) {
  uint64_t held = ~super->free;
  unsigned n;
  for (unsigned unit = 0; unit < SUPER_UNITS; unit += n) {
    bool known = held >> unit & 1 && map_tag(unit_address(super, unit));
    n = known ? (unsigned)max_size(ld_rlx(&super->length[unit]), 1) : 1;
    if (known) held &= ~bit_span(unit, (unsigned)min_size(n, SUPER_UNITS - unit));
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
  uint64_t held = 0;
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    struct superslab *super = LINK_OWNER(link, struct superslab, all);
    uint64_t units = orphans(super);
    if (units) take_back_locked(super, units);
    held += bit_count(~super->free);
  }
  st_rlx(&counter_value[CNT_UNITS_GIVEN], count_read(CNT_UNITS_TAKEN) - held);
  super_unlock();
  super_drop_surplus();
}
