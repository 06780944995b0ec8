/* purge - freed memory stays within its budget, and comes back as zeros. */
#include "super/purge.h"

#include "helpers/box.h"
#include "os/map.h"
#include "os/process.h"
#include "super/superslab.h"

enum { HOLDINGS = 200 };

static uint64_t state = 8;
static struct units holding[HOLDINGS];
static unsigned held[HOLDINGS];

static uint64_t retained(void) {
  return count_read(CNT_RETAINED_BYTES);
}

static void fill(const struct units *units, unsigned n) {
  memset(unit_address(units->super, units->first), 0xa5, (size_t)n << UNIT_SHIFT);
}

static void round_trip(void) {
  test_begin("what is retained is counted until it is released");
  CHECK(retained() == 0);
  purge_retain(12345);
  CHECK(retained() == 12345);
  purge_release(12345);
  CHECK(retained() == 0);
  test_end();
}

static void shrinking(void) {
  enum { SUPERS = 10 };
  struct units units[SUPERS];
  struct refusal why;
  unsigned n = 0;
  test_begin("free blocks of slabs lower the budget only where the program has shrunk to half of "
             "its most, half of them at that point");
  while (n < SUPERS) CHECK(units_take(SUPER_UNITS, 1, &units[n++], &why));
  CHECK(purge_live() == 40 * MIB && purge_budget() == 16 * MIB); /* no block is in use */
  while (n > 7) units_give(units[--n].super, 0, SUPER_UNITS);
  CHECK(purge_budget() == 16 * MIB);
  while (n > 5) units_give(units[--n].super, 0, SUPER_UNITS);
  CHECK_MSG(purge_budget() == 5632 * KIB, "%zu", purge_budget()); /* 20 and 1 MiB, half of them */
  while (n > 3) units_give(units[--n].super, 0, SUPER_UNITS);
  CHECK_MSG(purge_budget() == 3 * MIB, "%zu", purge_budget()); /* 16 with the 12 and 1 */
  while (n) units_give(units[--n].super, 0, SUPER_UNITS);
  purge_down_to(0);
  super_drop_empty(0);
  test_end();
}

static void budget(void) {
  struct units units;
  struct refusal why;
  test_begin("the budget is HAKMEM_RETAIN or a tenth of the live memory, whichever is more, "
             "less what slabs hold free beyond half of what is in use");
  option_set("RETAIN", "1M");
  CHECK(purge_budget() == 960 * KIB); /* nothing is in use */
  CHECK(units_take(SUPER_UNITS, 1, &units, &why));
  purge_blocks_moved(SUPER_SIZE);
  CHECK(purge_budget() == MIB);
  count_any(CNT_HUGE_BYTES, 96 * MIB);
  CHECK_MSG(purge_budget() == 10 * MIB, "%zu", purge_budget());
  purge_retain(10 * MIB);
  CHECK(!purge_due());
  purge_retain(1);
  CHECK(purge_due());
  purge_release(10 * MIB + 1);
  count_down_any(CNT_HUGE_BYTES, 96 * MIB);
  option_set("RETAIN", "16M");
  CHECK(purge_blocks_moved(-3 * (ptrdiff_t)MIB) == MIB); /* 3 MiB of slabs hold free blocks */
  CHECK_MSG(purge_budget() == 12800 * KIB, "%zu", purge_budget());
  option_set("RETAIN", "1M");
  CHECK(purge_budget() == MIB / 4); /* not less than that */
  CHECK(purge_blocks_moved(-MIB - 1) == 0 && purge_blocks_moved(1) == 0);
  units_give(units.super, units.first, SUPER_UNITS);
  test_end();
}

static void no_purge_below(void) {
  struct units units[2];
  struct refusal why;
  uint64_t before;
  test_begin("below the budget nothing is purged: the pages are there at the next taking");
  option_set("RETAIN", "64M");
  CHECK(units_take(16, 1, &units[0], &why));
  fill(&units[0], 16);
  before = count_read(CNT_PURGES);
  units_give(units[0].super, units[0].first, 16);
  CHECK(count_read(CNT_PURGES) == before && retained() >= 16 * UNIT_SIZE);
  CHECK(units_take(16, 1, &units[1], &why) && units[1].first == units[0].first);
  CHECK(units[1].stale && *unit_address(units[1].super, units[1].first) == (char)0xa5);
  units_give(units[1].super, units[1].first, 16);
  test_end();
}

static void down_to(void) {
  struct units units;
  struct refusal why;
  size_t pages = 16 * UNIT_SIZE / os_page_size();
  char *p;
  test_begin("purge_down_to(0) makes everything freed non-resident, zero, and known to be zeroed");
  CHECK(units_take(16, 1, &units, &why));
  fill(&units, 16);
  p = unit_address(units.super, units.first);
  units_give(units.super, units.first, 16);
  CHECK(resident_pages(p, 16 * UNIT_SIZE) == pages);
  {
    uint64_t kept = retained();
    uint64_t purged = count_read(CNT_PURGED_BYTES);
    CHECK(purge_down_to(0) == kept && retained() == 0);
    CHECK(count_read(CNT_PURGED_BYTES) == purged + kept);
  }
  CHECK(resident_pages(p, 16 * UNIT_SIZE) == 0 && super_check() == 0);
  CHECK(units_take(16, 1, &units, &why) && !units.stale);
  CHECK(all_bytes(unit_address(units.super, units.first), 16 * UNIT_SIZE, 0));
  units_give(units.super, units.first, 16);
  test_end();
}

/* As the pool does after each give. */
static void fit_budget(void) {
  while (purge_due() && purge_one(false)) continue;
}

static void never_above(const char *retain) {
  uint64_t most = 0;
  option_set("RETAIN", retain);
  for (int i = 0; i < 6000 && !test_bad; i++) {
    unsigned k = (unsigned)random_below(&state, HOLDINGS);
    struct refusal why;
    if (held[k]) {
      units_give(holding[k].super, holding[k].first, held[k]);
      fit_budget();
      held[k] = 0;
      CHECK_MSG(retained() <= purge_budget(), "%lu retained, the budget is %zu",
                (unsigned long)retained(), purge_budget());
      most = max_size(most, retained());
      continue;
    }
    held[k] = 1 + (unsigned)random_below(&state, 32);
    CHECK(units_take(held[k], 1, &holding[k], &why));
    if (!holding[k].stale)
      CHECK_MSG(all_bytes(unit_address(holding[k].super, holding[k].first), 4096, 0), "not zeroed");
    memset(unit_address(holding[k].super, holding[k].first), 1, 4096);
    if (i % 100 == 0) CHECK(super_check() == 0);
  }
  for (unsigned k = 0; k < HOLDINGS; k++) {
    if (held[k]) units_give(holding[k].super, holding[k].first, held[k]);
    fit_budget();
    held[k] = 0;
    CHECK(retained() <= purge_budget());
  }
  CHECK_MSG(most > 0 || !option(OPT_RETAIN), "nothing was ever retained");
}

/* Locked pages are not purged: the system refuses. */
static void refused(void) {
  struct units units;
  struct refusal why;
  char *p;
  option_set("RETAIN", "0");
  purge_down_to(0);
  CHECK(units_take(4, 1, &units, &why));
  p = unit_address(units.super, units.first);
  CHECK(mlock(p, 4 * UNIT_SIZE) == 0);
  fill(&units, 4);
  units_give(units.super, units.first, 4);
  CHECK(retained() == 4 * UNIT_SIZE && super_check() == 0);
  CHECK(all_bytes(p, 4 * UNIT_SIZE, 0xa5));
  CHECK(units_take(4, 1, &units, &why));
  CHECK(units.stale || *unit_address(units.super, units.first) == 0);
  units_give(units.super, units.first, 4);
  CHECK(retained() == 4 * UNIT_SIZE && super_check() == 0);
  munlock(p, 4 * UNIT_SIZE);
  usleep(1000 * (REFUSED_MS + 100)); /* refused, it is not asked at once again */
  fit_budget();
  CHECK(retained() == 0 && super_check() == 0 && units.super->free == ~(uint64_t)0);
  CHECK(units_take(4, 1, &units, &why) && !units.stale && all_bytes(p, 4 * UNIT_SIZE, 0));
}

/* What is locked is colder than all else, and lies beside what is not. */
static void locked_first(void) {
  enum { SUPERS = 20 };
  struct units units[SUPERS];
  struct refusal why;
  option_set("DECAY_MS", "0"); /* no budget */
  purge_down_to(0);
  for (int i = 0; i < SUPERS; i++) CHECK(units_take(SUPER_UNITS, 1, &units[i], &why));
  for (int i = 0; i < SUPERS; i++) fill(&units[i], 4);
  CHECK(mlock(unit_address(units[0].super, units[0].first + 1), UNIT_SIZE) == 0);
  for (int i = 0; i < SUPERS; i++) {
    units_give(units[i].super, units[i].first, 4);
    fit_budget();
    CHECK_MSG(retained() == UNIT_SIZE, "%d: %zu", i, (size_t)retained());
  }
  CHECK(super_check() == 0);
  munlock(unit_address(units[0].super, units[0].first + 1), UNIT_SIZE);
  CHECK(purge_down_to(0) == UNIT_SIZE && retained() == 0 && super_check() == 0);
}

/* What is locked is older than what may go. */
static void aged_behind_locked(void) {
  enum { SUPERS = 5, LOCKED = 4 };
  struct units units[SUPERS];
  struct refusal why;
  option_set("RETAIN", "1G");
  option_set("DECAY_MS", "100");
  purge_down_to(0);
  for (int i = 0; i < SUPERS; i++) CHECK(units_take(SUPER_UNITS, 1, &units[i], &why));
  for (int i = 0; i < SUPERS; i++) {
    char *unit = unit_address(units[i].super, units[i].first);
    fill(&units[i], 1);
    if (i < LOCKED) CHECK(mlock(unit, UNIT_SIZE) == 0);
    units_give(units[i].super, units[i].first, 1);
  }
  CHECK(retained() == SUPERS * UNIT_SIZE);
  CHECK(purge_aged(os_milliseconds() + 1000, SIZE_MAX) == UNIT_SIZE && super_check() == 0);
  for (int i = 0; i < LOCKED; i++) munlock(unit_address(units[i].super, units[i].first), UNIT_SIZE);
  CHECK(purge_down_to(0) == LOCKED * UNIT_SIZE && retained() == 0 && super_check() == 0);
}

int main(void) {
  static const char *const budgets[] = {"0", "1M", "5M", "40M"};
  clearenv();
  option_load();
  round_trip();
  shrinking();
  budget();
  no_purge_below();
  down_to();
  test_begin(
      "retained bytes never exceed the budget after a give, for budgets of 0, 1, 5 and 40 MiB");
  for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) never_above(budgets[i]);
  test_end();
  expect_return_locked(
      "a refused purge loses nothing: contents, counts and lists stay right, the next one works",
      refused, 4 * UNIT_SIZE);
  expect_return_locked("one locked page keeps its unit, not its neighbours, nor other superslabs",
                       locked_first, UNIT_SIZE);
  expect_return_locked("what has aged behind superslabs with locked pages goes in the same step",
                       aged_behind_locked, 4 * UNIT_SIZE);
  return test_status();
}
