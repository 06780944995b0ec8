/* decay - freed memory goes back with age; the ways in which pages go; the time is an argument. */
#include "pool/decay.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "diag/option.h"
#include "helpers/box.h"
#include "os/room.h"
#include "pool/huge.h"
#include "pool/keep.h"
#include "pool/pool.h"
#include "pool/run.h"
#include "super/purge.h"

enum { UNITS = 16 };

static struct refusal why;

static uint64_t retained(void) {
  return count_read(CNT_RETAINED_BYTES);
}

static void start(const char *promise, const char *decay, const char *way) {
  test_begin(promise);
  option_set("RETAIN", "64M");
  option_set("DECAY_MS", decay);
  option_set("PURGE", way);
  keep_drop(0);
  purge_down_to(0);
  st_rlx(&decay_next, 0);
  CHECK(retained() == 0);
}

static void take(struct units *units, unsigned n) {
  CHECK(units_take(n, 1, units, &why));
  memset(unit_address(units->super, units->first), 0xa5, (size_t)n << UNIT_SHIFT);
}

/* What of the BYTES at P is resident, as the kernel says; and of N units. */
static size_t resident_bytes(char *p, size_t bytes) {
  return resident_pages(p, bytes) * 4096;
}

static size_t resident(const struct units *units, unsigned n) {
  return resident_bytes(unit_address(units->super, units->first), (size_t)n << UNIT_SHIFT);
}

static void by_age(void) {
  struct units units;
  uint64_t decayed = count_read(CNT_DECAYED_BYTES);
  uint64_t now;
  start("freed units stay for HAKMEM_DECAY_MS, then the next look gives them back", "10000",
        "dontneed");
  take(&units, UNITS);
  now = os_milliseconds();
  units_give(units.super, units.first, UNITS);
  decay_step(now + 9900);
  CHECK(retained() == UNITS * UNIT_SIZE && resident(&units, UNITS) == UNITS * UNIT_SIZE);
  decay_step(now + 10100);
  CHECK(retained() == 0 && resident(&units, UNITS) == 0 && super_check() == 0);
  CHECK(count_read(CNT_DECAYED_BYTES) == decayed + UNITS * UNIT_SIZE);
  CHECK(units_take(UNITS, 1, &units, &why) && !units.stale);
  units_give(units.super, units.first, UNITS);
  test_end();
}

static void younger_ones(void) {
  struct units old;
  struct units young;
  uint64_t now;
  start("units that join a superslab's aged ones are given their own time, at most twice as long",
        "600", "dontneed");
  take(&old, 4);
  take(&young, 4);
  CHECK(old.super == young.super);
  units_give(old.super, old.first, 4);
  usleep(300000);
  now = os_milliseconds();
  units_give(young.super, young.first, 4);
  purge_aged(now + 400, SIZE_MAX);
  CHECK(resident(&old, 4) == 0 && resident(&young, 4) == 4 * UNIT_SIZE);
  CHECK(retained() == 4 * UNIT_SIZE && super_check() == 0);
  purge_aged(os_milliseconds() + 1600, SIZE_MAX);
  CHECK(resident(&young, 4) == 0 && retained() == 0 && super_check() == 0);
  test_end();
}

static void taken_again(void) {
  struct units units;
  uint64_t now;
  start("units that were taken again are nobody's to purge, and age anew", "60", "dontneed");
  take(&units, 4);
  units_give(units.super, units.first, 4);
  take(&units, 4);
  now = os_milliseconds();
  purge_aged(now + 1000, SIZE_MAX);
  CHECK(resident(&units, 4) == 4 * UNIT_SIZE);
  CHECK(all_bytes(unit_address(units.super, units.first), 4 * UNIT_SIZE, 0xa5));
  usleep(20000);
  units_give(units.super, units.first, 4);
  purge_aged(now + 60, SIZE_MAX);
  CHECK(retained() == 4 * UNIT_SIZE && super_check() == 0);
  test_end();
}

static void mappings(void) {
  bool zeroed = true;
  char *p;
  char *q;
  uint64_t now;
  start("cached mappings age as units do, the one freed first goes first", "600", "dontneed");
  p = huge_get(5 * MIB, 16, &zeroed, &why);
  q = huge_get(7 * MIB, 16, &zeroed, &why);
  memset(p, 1, 5 * MIB);
  memset(q, 1, 7 * MIB);
  huge_give(p);
  usleep(300000);
  now = os_milliseconds();
  huge_give(q);
  CHECK(huge_drop_aged(now + 400, SIZE_MAX) == 5 * MIB);
  CHECK(retained() == 7 * MIB && !os_is_mapped(p) && os_is_mapped(q));
  CHECK(huge_drop_aged(os_milliseconds() + 700, SIZE_MAX) == 7 * MIB);
  CHECK(retained() == 0 && keep_check() == 0);
  test_end();
}

/* One that nobody touched, and one with pages, which is freed before it or after. */
static void mappings_without_pages(void) {
  bool zeroed = true;
  start("cached mappings without pages age likewise, among those with pages by their time", "10000",
        "dontneed");
  for (int after = 0; after < 2; after++) {
    char *clean = huge_get(5 * MIB, 16, &zeroed, &why);
    char *dirty = huge_get(7 * MIB, 16, &zeroed, &why);
    uint64_t now;
    memset(dirty, 1, 7 * MIB);
    huge_give(after ? dirty : clean);
    usleep(100000);
    now = os_milliseconds();
    huge_give(after ? clean : dirty);
    CHECK(keep_mapped() == 12 * MIB && retained() == 7 * MIB);
    CHECK(huge_drop_aged(now + 9950, SIZE_MAX) == (after ? 7 : 5) * MIB);
    CHECK(os_is_mapped(clean) == after && os_is_mapped(dirty) == !after);
    CHECK(huge_drop_aged(now + 9950, SIZE_MAX) == 0);
    CHECK(huge_drop_aged(os_milliseconds() + 10000, SIZE_MAX) == (after ? 5 : 7) * MIB);
    CHECK(keep_mapped() == 0 && retained() == 0 && keep_check() == 0);
  }
  test_end();
}

static void batches(void) {
  static struct units units[12];
  size_t all = 12 * SUPER_SIZE;
  uint64_t later;
  int steps = 1;
  start("a look gives back a batch, and says whether another is due", "10000", "dontneed");
  option_set("RETAIN", "1G");
  for (int i = 0; i < 12; i++) take(&units[i], SUPER_UNITS);
  for (int i = 0; i < 12; i++) units_give(units[i].super, units[i].first, SUPER_UNITS);
  CHECK(retained() == all);
  later = os_milliseconds() + 20000;
  for (; decay_step(later) && steps < 100; steps++)
    CHECK_MSG(all - retained() <= (size_t)steps * DECAY_BATCH, "%zu KiB in %d steps",
              (all - (size_t)retained()) / KIB, steps);
  CHECK_MSG(retained() == 0 && steps == (int)(all / DECAY_BATCH) + 1, "%d steps", steps);
  test_end();
}

/* Everybody who takes or gives units or mappings passes. */
static void passing(void) {
  bool zeroed = true;
  void *p;
  struct units units;
  start("whoever takes a run or a mapping, or gives one, gives back what has aged", "40",
        "dontneed");
  for (int way = 0; way < 3; way++) {
    void *other = way == 2 ? run_get(UNIT_SIZE, 16, &zeroed, &why) : NULL;
    take(&units, UNITS);
    units_give(units.super, units.first, UNITS);
    usleep(90000);
    if (way == 0) CHECK((p = run_get(LARGE_MAX, 16, &zeroed, &why)) && run_give(p));
    if (way == 1) CHECK((p = huge_get(9 * MIB, 16, &zeroed, &why)) && huge_give(p));
    if (way == 2) CHECK(run_give(other));
    CHECK_MSG(resident(&units, UNITS) == 0 || way == 0, "way %d", way);
    CHECK_MSG(retained() <= (way == 1 ? 9 * MIB : LARGE_MAX), "way %d: %zu KiB", way,
              (size_t)retained() / KIB);
    keep_drop(0);
    purge_down_to(0);
  }
  test_end();
}

static char *filled(char *p, size_t bytes) {
  CHECK(p != NULL);
  return memset(p, 1, bytes);
}

/* Frees P, a run or a huge block, at a time of its own: the clock goes by up to 10 ms. */
static void give(char *p, bool huge) {
  CHECK(huge ? huge_give(p) : run_give(p));
  usleep(12000);
}

static void oldest_first(void) {
  bool zeroed = false;
  char *run;
  char *other;
  char *huge;
  char *small;
  start("beyond the budget what was freed first goes first, be it run or mapping", "10000",
        "dontneed");
  option_set("RETAIN", "16M"); /* of which 1 MiB is for descriptors */
  run = filled(run_get(LARGE_MAX, 16, &zeroed, &why), LARGE_MAX);
  other = filled(run_get(LARGE_MAX, 16, &zeroed, &why), LARGE_MAX);
  huge = filled(huge_get(12 * MIB, 16, &zeroed, &why), 12 * MIB);
  give(huge, true);
  give(run, false);
  give(other, false);
  CHECK(resident_bytes(run, LARGE_MAX) + resident_bytes(other, LARGE_MAX) == 2 * LARGE_MAX);
  CHECK_MSG(retained() == 15 * MIB && resident_bytes(huge, 12 * MIB) == 11 * MIB, "%zu KiB",
            resident_bytes(huge, 12 * MIB) / KIB);
  keep_drop(0);
  purge_down_to(0);
  run = filled(run_get(LARGE_MAX, 16, &zeroed, &why), LARGE_MAX);
  huge = filled(huge_get(12 * MIB, 16, &zeroed, &why), 12 * MIB);
  small = filled(huge_get(3 * MIB, 16, &zeroed, &why), 3 * MIB);
  give(run, false);
  give(huge, true);
  give(small, true);
  CHECK(resident_bytes(run, LARGE_MAX) == 0 && resident_bytes(huge, 12 * MIB) == 12 * MIB);
  CHECK(resident_bytes(small, 3 * MIB) == 3 * MIB && retained() == 15 * MIB);
  keep_drop(0);
  purge_down_to(0);
  test_end();
}

static void at_once(void) {
  bool zeroed = true;
  struct units units;
  start("HAKMEM_DECAY_MS=0 keeps nothing resident", "0", "dontneed");
  take(&units, UNITS);
  units_give(units.super, units.first, UNITS);
  huge_fit_budget();
  CHECK(retained() == 0 && resident(&units, UNITS) == 0);
  CHECK(huge_give(huge_get(3 * MIB, 16, &zeroed, &why)) && retained() == 0);
  test_end();
}

static void off(void) {
  struct units units;
  start("HAKMEM_PURGE=off gives nothing back by itself, beyond any budget, but when asked to", "1",
        "off");
  option_set("RETAIN", "0");
  take(&units, UNITS);
  units_give(units.super, units.first, UNITS);
  decay_step(os_milliseconds() + 100000);
  huge_fit_budget();
  CHECK(retained() == UNITS * UNIT_SIZE && resident(&units, UNITS) == UNITS * UNIT_SIZE);
  CHECK(purge_down_to(0) == UNITS * UNIT_SIZE && resident(&units, UNITS) == 0);
  test_end();
}

/* The sum of a field of all mappings, in bytes. */
static size_t smaps_sum(const char *field) {
  FILE *file = fopen("/proc/self/smaps", "r");
  char line[256];
  size_t sum = 0;
  size_t kib;
  char format[64];
  snprintf(format, sizeof format, "%s: %%zu kB", field);
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, format, &kib) == 1) sum += kib * KIB;
  if (file) fclose(file);
  return sum;
}

static void lazily(void) {
  struct units units;
  size_t lazy;
  start("HAKMEM_PURGE=free leaves pages to the system, which is told, and knows no zeros", "10000",
        "free");
  take(&units, UNITS);
  units_give(units.super, units.first, UNITS);
  lazy = smaps_sum("LazyFree");
  purge_aged(os_milliseconds() + 20000, SIZE_MAX);
  CHECK(retained() == 0 && count_read(CNT_LAZY_BYTES) == UNITS * UNIT_SIZE && super_check() == 0);
  /* the kernel marks the last few dozen pages of a processor a little later */
  CHECK_MSG(smaps_sum("LazyFree") >= lazy + UNITS * UNIT_SIZE / 2, "%zu KiB were, %zu are LazyFree",
            lazy / KIB, smaps_sum("LazyFree") / KIB);
  {
    struct units again;
    CHECK(units_take(UNITS, 1, &again, &why) && again.super == units.super);
    CHECK(again.first == units.first && again.stale && count_read(CNT_LAZY_BYTES) == 0);
    memset(unit_address(again.super, again.first), 1, UNITS * UNIT_SIZE);
    units_give(again.super, again.first, UNITS);
  }
  purge_aged(os_milliseconds() + 20000, SIZE_MAX);
  CHECK(count_read(CNT_LAZY_BYTES) == UNITS * UNIT_SIZE);
  CHECK(super_drop_empty(0) > 0 && count_read(CNT_LAZY_BYTES) == 0); /* gone with its address */
  take(&units, UNITS);
  units_give(units.super, units.first, UNITS);
  purge_aged(os_milliseconds() + 20000, SIZE_MAX);
  CHECK(purge_down_to(0) == UNITS * UNIT_SIZE && resident(&units, UNITS) == 0);
  CHECK(count_read(CNT_LAZY_BYTES) == 0 && super_check() == 0);
  CHECK(units_take(UNITS, 1, &units, &why) && !units.stale);
  units.super->lazy |= (uint64_t)1 << units.first;
  CHECK_REPORTS(super_check, "S1");
  units.super->lazy = 0;
  units_give(units.super, units.first, UNITS);
  test_end();
}

static void in_a_group(void) {
  struct units units;
  start("near the limit of a cgroup the budget is an eighth of the room, and 0 without room",
        "10000", "dontneed");
  room_set(24 * MIB);
  CHECK(purge_budget() == 3 * MIB);
  take(&units, SUPER_UNITS);
  units_give(units.super, units.first, SUPER_UNITS);
  huge_fit_budget();
  CHECK_MSG(retained() <= 3 * MIB, "%zu KiB", (size_t)retained() / KIB);
  room_set(0);
  CHECK(purge_budget() == 0);
  decay_step(os_milliseconds());
  CHECK(retained() == 0);
  room_set(ROOM_UNKNOWN);
  CHECK(purge_budget() == 60 * MIB);
  test_end();
}

static uint64_t ahead; /* seconds that the clock goes before the system's */

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  now->tv_sec += (time_t)ahead;
  return result;
}

static void looks_at_group(void) {
  start("a look at what has aged looks at the room in the cgroup as well", "10000", "dontneed");
  room_spend(ROOM_FIRST + 1); /* from here on there are looks */
  room_set(12345);            /* a figure that none gives */
  ahead += 2;
  decay_step(os_milliseconds());
  CHECK_MSG(room_left() != 12345, "the room is still %zu", (size_t)room_left());
  room_set(ROOM_UNKNOWN);
  test_end();
}

/* The only slab of its class, emptied and let go. From here on nobody who passes looks. */
static struct slab *kept_slab(unsigned class) {
  struct slab *taken;
  struct slab *slab = pool_get(class, 1, &taken, &why);
  void *p;
  st_rlx(&decay_next, UINT64_MAX);
  CHECK(slab && slab_claim(slab, &p, 1) == 1);
  pool_let_go(slab);
  CHECK(pool_return_block_any(slab, p) && slab->state && retained() == UNIT_SIZE);
  return slab;
}

static void kept_slabs(void) {
  struct slab *slab;
  start("an empty slab that is kept goes at the second look; where the budget is small, the first",
        "10000", "dontneed");
  slab = kept_slab(20);
  decay_step(os_milliseconds());
  CHECK(slab->state && pool_check() == 0);
  decay_step(os_milliseconds());
  CHECK(!slab->state && retained() == UNIT_SIZE && pool_check() == 0);
  purge_down_to(0);
  slab = kept_slab(20);
  option_set("RETAIN", "8M");
  decay_step(os_milliseconds());
  CHECK(!slab->state && retained() == UNIT_SIZE && super_check() == 0);
  test_end();
}

int main(void) {
  clearenv();
  option_load();
  by_age();
  younger_ones();
  taken_again();
  mappings();
  mappings_without_pages();
  batches();
  passing();
  oldest_first();
  at_once();
  off();
  lazily();
  in_a_group();
  looks_at_group();
  kept_slabs();
  return test_status();
}
