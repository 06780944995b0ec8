/* orphan - units that a fork left without a holder come back, and no others. */
#include "diag/counter.h"
#include "diag/option.h"
#include "helpers/box.h"
#include "super/purge.h"
#include "super/superslab.h"

static struct units hold(unsigned n) {
  struct units units;
  struct refusal why;
  CHECK(units_take(n, 1, &units, &why));
  for (unsigned i = 0; i < n; i++) {
    st_rlx(&units.super->head[units.first + i], (uint8_t)units.first);
    *unit_address(units.super, units.first + i) = 1;
  }
  st_rlx(&units.super->length[units.first], (uint8_t)n);
  return units;
}

static uint64_t span(const struct units *units, unsigned n) {
  return bit_span(units->first, n);
}

static uint64_t held(void) {
  return count_read(CNT_UNITS_TAKEN) - count_read(CNT_UNITS_GIVEN);
}

static void without_tags(void) {
  struct units slab = hold(4);
  struct units lost = hold(3);
  struct units run = hold(5);
  struct superslab *super = lost.super;
  test_begin("units without a tag are free and retained afterwards, others are what they were");
  CHECK(slab.super == super && run.super == super && held() == 12);
  map_set_tags(unit_address(super, slab.first), 4, 2);
  map_set_tags(unit_address(super, run.first), 1, TAG_RUN);
  st_rlx(&super->looked[lost.first], 1);
  count_any(CNT_UNITS_GIVEN, 2); /* as by a thread that was about to give two of them */
  units_take_back();
  CHECK_MSG(super->free == ~(span(&slab, 4) | span(&run, 5)), "free: %#llx",
            (unsigned long long)super->free);
  CHECK(super->dirty == span(&lost, 3) && count_read(CNT_RETAINED_BYTES) == 3 * UNIT_SIZE);
  CHECK_MSG(held() == 9, "%llu units count as held", (unsigned long long)held());
  CHECK(!super->looked[lost.first] && units_touched(super, lost.first, 3) == 3 * UNIT_SIZE);
  CHECK(super_check() == 0);
  units_take_back();
  CHECK(held() == 9 && count_read(CNT_RETAINED_BYTES) == 3 * UNIT_SIZE && super_check() == 0);
  CHECK(purge_down_to(0) == 3 * UNIT_SIZE && !*unit_address(super, lost.first));
  map_set_tags(unit_address(super, slab.first), 4, 0);
  map_set_tags(unit_address(super, run.first), 1, 0);
  test_end();
}

/* As by a thread that a fork ended while the system took the pages. */
static void while_purged(void) {
  struct units units;
  test_begin("units that were just being purged are free again, and whole superslabs go");
  units_take_back();
  units = hold(64);
  units_take_back();
  CHECK(units.super->free == ~(uint64_t)0 && held() == 0 && super_check() == 0);
  CHECK(super_drop_empty(0) >= SUPER_SIZE && count_read(CNT_SUPER_BYTES) == 0);
  CHECK(count_read(CNT_RETAINED_BYTES) == 0);
  units_take_back(); /* of no superslab */
  CHECK(held() == 0);
  test_end();
}

int main(void) {
  clearenv();
  option_load();
  without_tags();
  while_purged();
  return test_status();
}
