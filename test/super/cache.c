/* superslab, its cache - empty superslabs kept, least recently used out first; prewarm; the limit.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "diag/counter.h"
#include "diag/option.h"
#include "helpers/box.h"
#include "os/process.h"
#include "super/purge.h"
#include "super/superslab.h"

enum { MANY = 8 };

static struct units whole[MANY];

static unsigned superslabs(void) {
  unsigned n = 0;
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    n++;
  }
  super_unlock();
  return n;
}

static bool is_kept(const struct superslab *super) {
  bool found = false;
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    found |= LINK_OWNER(link, struct superslab, all) == super;
  }
  super_unlock();
  return found;
}

static void take_whole(unsigned n) {
  struct refusal why;
  for (unsigned i = 0; i < n; i++) CHECK(units_take(SUPER_UNITS, 1, &whole[i], &why));
}

static void give_whole(unsigned n) {
  for (unsigned i = 0; i < n; i++) units_give(whole[i].super, 0, SUPER_UNITS);
}

static void fresh_is_not_reused(void) {
  test_begin("a superslab mapped anew is not counted as taken from the cache; a cached one is");
  take_whole(3);
  CHECK(count_read(CNT_SUPER_MAPPED) == 3);
  CHECK_MSG(count_read(CNT_SUPER_REUSED) == 0, "super.reused is %lu after 3 fresh ones",
            (unsigned long)count_read(CNT_SUPER_REUSED));
  give_whole(3);
  {
    uint64_t before = count_read(CNT_SUPER_REUSED);
    take_whole(2);
    CHECK(count_read(CNT_SUPER_REUSED) == before + 2 && count_read(CNT_SUPER_MAPPED) == 3);
    give_whole(2);
  }
  test_end();
}

static void bound(void) {
  static const unsigned bounds[] = {0, 1, 3, 7};
  test_begin("HAKMEM_SS_CACHE empty superslabs are kept, no more, for 0, 1, 3 and 7");
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
    char value[8];
    snprintf(value, sizeof value, "%u", bounds[i]);
    super_drop_empty(0);
    option_set("SS_CACHE", value);
    take_whole(MANY);
    CHECK(superslabs() == MANY);
    give_whole(MANY);
    CHECK_MSG(superslabs() == bounds[i], "%u kept, not %u", superslabs(), bounds[i]);
    CHECK(count_read(CNT_SUPER_BYTES) == (uint64_t)bounds[i] * SUPER_SIZE);
    CHECK(super_check() == 0);
  }
  test_end();
}

static void recency(void) {
  struct units again;
  struct refusal why;
  test_begin("the least recently emptied go first, the most recently emptied is taken first");
  super_drop_empty(0);
  option_set("SS_CACHE", "3");
  option_set("RETAIN", "128M"); /* no block is in the units: they count against it */
  take_whole(MANY);
  give_whole(MANY);
  CHECK(is_kept(whole[7].super) && is_kept(whole[6].super) && is_kept(whole[5].super));
  CHECK(units_take(1, 1, &again, &why) && again.super == whole[7].super);
  units_give(again.super, again.first, 1);
  CHECK(super_drop_empty(1) == 2 * SUPER_SIZE && superslabs() == 1 && is_kept(whole[7].super));
  CHECK(super_drop_empty(1) == 0 && super_drop_empty(0) == SUPER_SIZE && superslabs() == 0);
  CHECK(count_read(CNT_SUPER_BYTES) == 0 && count_read(CNT_RETAINED_BYTES) == 0);
  CHECK(map_super(whole[7].super) == NULL && super_check() == 0);
  option_set("RETAIN", "16M");
  test_end();
}

static void packing(void) {
  struct units a;
  struct units b;
  struct refusal why;
  test_begin("small holdings go to the fuller superslab, so that the emptier one drains");
  CHECK(units_take(40, 1, &a, &why) && units_take(50, 1, &b, &why) && a.super != b.super);
  for (int i = 0; i < 10; i++) {
    struct units one;
    CHECK(units_take(1, 1, &one, &why) && one.super == b.super);
  }
  units_give(a.super, a.first, 40);
  units_give(b.super, 0, 60);
  CHECK(super_check() == 0);
  test_end();
}

static void prewarm(void) {
  struct refusal why;
  size_t page = os_page_size();
  uint64_t mapped = count_read(CNT_SUPER_MAPPED);
  size_t resident = 0;
  super_drop_empty(0);
  test_begin("prewarmed superslabs are resident in every page, kept within the budget, and taken "
             "without a mapping");
  st_rlx(&option_value[OPT_PREWARM], 3); /* read at start only */
  option_set("SS_CACHE", "0");
  option_set("RETAIN", "0");
  CHECK(super_prewarm(3, &why) == 3 && superslabs() == 3);
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    resident += resident_pages(LINK_OWNER(link, struct superslab, all)->base, SUPER_SIZE);
  }
  super_unlock();
  CHECK_MSG(resident == 3 * SUPER_SIZE / page, "%zu pages of %zu", resident, 3 * SUPER_SIZE / page);
  CHECK(super_check() == 0 && count_read(CNT_RETAINED_BYTES) == 3 * SUPER_SIZE);
  take_whole(3);
  CHECK(count_read(CNT_SUPER_MAPPED) == mapped + 3 && count_read(CNT_RETAINED_BYTES) == 0);
  for (int i = 0; i < 3; i++) CHECK(all_bytes(whole[i].super->base, SUPER_SIZE, 0));
  give_whole(3);
  CHECK_MSG(superslabs() == 3, "%u are left of 3 that were asked for", superslabs());
  CHECK_MSG(purge_budget() == 3 * SUPER_SIZE && !purge_due(), "the budget is %zu", purge_budget());
  CHECK(count_read(CNT_RETAINED_BYTES) == 3 * SUPER_SIZE && super_check() == 0);
  purge_retain(1); /* beyond them HAKMEM_RETAIN is what it was, nothing */
  CHECK(purge_due());
  purge_release(1);
  test_end();
  st_rlx(&option_value[OPT_PREWARM], 0);
  super_drop_empty(0);
  option_set("RETAIN", "16M");
  option_set("SS_CACHE", "16");
}

/* --- while the system purges --- */

static struct units last_units;
static bool meanwhile; /* give them back in the next call of madvise */

int madvise(void *p, size_t bytes, int advice) {
  if (meanwhile) {
    meanwhile = false;
    units_give(last_units.super, last_units.first, 1);
  }
  return (int)syscall(SYS_madvise, p, bytes, advice);
}

static void emptied_meanwhile(void) {
  struct refusal why;
  struct units units;
  bool same;
  test_begin("a superslab whose last units come back while others are purged is not kept, be they "
             "purged for their number or their age");
  option_set("SS_CACHE", "0");
  for (int aged = 0; aged < 2; aged++) {
    uint64_t later = os_milliseconds() + 20000; /* twice HAKMEM_DECAY_MS */
    CHECK(superslabs() == 0 && units_take(4, 1, &units, &why));
    CHECK(units_take(1, 1, &last_units, &why));
    same = units.super == last_units.super;
    memset(unit_address(units.super, units.first), 1, 4 * UNIT_SIZE);
    units_give(units.super, units.first, 4);
    CHECK(same && superslabs() == 1 && count_read(CNT_RETAINED_BYTES) == 4 * UNIT_SIZE);
    meanwhile = true;
    if (aged) CHECK(purge_aged(later, SIZE_MAX) == 5 * UNIT_SIZE && !meanwhile);
    else CHECK(purge_one(true) == 4 * UNIT_SIZE && !meanwhile);
    while (count_read(CNT_RETAINED_BYTES) && purge_one(true)) continue;
    CHECK_MSG(superslabs() == 0, "%u superslabs", superslabs());
  }
  CHECK(super_check() == 0);
  option_set("SS_CACHE", "16");
  test_end();
}

static void limit(void) {
  struct refusal why = {REASONS, -1, 0};
  struct units third;
  test_begin(
      "HAKMEM_LIMIT refuses the superslab that exceeds it, with EXHAUSTION, and counts none");
  CHECK(superslabs() == 0);
  option_set("LIMIT", "8M");
  take_whole(2);
  CHECK(!units_take(1, 1, &third, &why));
  CHECK(why.reason == REASON_EXHAUSTION && why.error == 0 && why.bytes == SUPER_SIZE);
  CHECK(count_read(CNT_SUPER_BYTES) == 2 * SUPER_SIZE && superslabs() == 2);
  option_set("LIMIT", "12M");
  CHECK(units_take(1, 1, &third, &why));
  units_give(third.super, third.first, 1);
  option_set("LIMIT", "0");
  CHECK(super_admit((size_t)1 << 50, &why));
  super_dismiss((size_t)1 << 50);
  give_whole(2);
  CHECK(super_check() == 0);
  test_end();
}

static void without_memory(void) {
  struct rlimit space = {0, RLIM_INFINITY};
  struct refusal why = {REASONS, -1, 0};
  struct units units;
  struct units last;
  int n = 0;
  uint64_t bytes;
  setrlimit(RLIMIT_AS, &space);
  bytes = count_read(CNT_SUPER_BYTES);
  while (n < 100 && units_take(SUPER_UNITS, 1, &units, &why)) {
    last = units;
    n++;
  }
  CHECK_MSG(n < 100 && why.reason == REASON_MAPFAIL, "%d taken, reason %d", n, (int)why.reason);
  CHECK(why.error == ENOMEM && why.bytes == SUPER_SIZE);
  CHECK(count_read(CNT_SUPER_BYTES) == bytes && super_check() == 0);
  why.reason = REASONS;
  CHECK(super_prewarm(1, &why) == 0 && why.reason == REASON_MAPFAIL);
  if (n) units_give(last.super, last.first, SUPER_UNITS);
  space.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_AS, &space);
  CHECK(units_take(SUPER_UNITS, 1, &units, &why) && units_take(SUPER_UNITS, 1, &units, &why));
  CHECK(super_check() == 0);
}

int main(void) {
  clearenv();
  option_load();
  fresh_is_not_reused();
  bound();
  recency();
  packing();
  prewarm();
  emptied_meanwhile();
  limit();
  test_begin("a mapping that the system refuses is MAPFAIL with its errno, and loses nothing");
  expect_return(without_memory);
  test_end();
  return test_status();
}
