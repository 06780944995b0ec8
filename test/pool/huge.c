/* huge - a mapping per block: content through resizes and moves, the cache, its budget, refusals.
 */
#include "pool/huge.h"
#include "pool/keep.h"

#include <errno.h>

#include "diag/counter.h"
#include "diag/option.h"
#include "helpers/box.h"
#include "os/map.h"
#include "os/process.h"
#include "super/purge.h"

enum { BLOCKS = 12 };

static uint64_t state = 12;
static struct refusal why;
static char *block[BLOCKS];
static size_t length[BLOCKS];
static unsigned char mark[BLOCKS];

static uint64_t live_mappings(void) {
  return count_read(CNT_HUGE_MAPPED) - count_read(CNT_HUGE_UNMAPPED);
}

static void fill(int i) {
  mark[i] = (unsigned char)(1 + random_below(&state, 255));
  for (size_t at = 0; at < length[i]; at += 4096) block[i][at] = (char)mark[i];
  block[i][length[i] - 1] = (char)mark[i];
}

static bool holds(int i, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 4096)
    if (block[i][at] != (char)mark[i]) return false;
  return true;
}

/* A block that is wanted to be zero. */
static char *get(size_t size, bool *zeroed) {
  *zeroed = true;
  return huge_get(size, 16, zeroed, &why);
}

static void round_trip(void) {
  bool zeroed;
  test_begin(
      "a huge block starts at a multiple of 4 MiB, is zeroed and large enough, and goes back");
  option_set("RETAIN", "0");
  for (size_t size = LARGE_MAX + 1; size <= 64 * MIB; size += 7 * MIB + 12345) {
    char *p = get(size, &zeroed);
    CHECK_MSG(p && !((uintptr_t)p & (SUPER_SIZE - 1)) && zeroed, "%zu bytes", size);
    CHECK(huge_size(p) >= size && huge_size(p) < size + os_page_size() && map_tag(p) == TAG_HUGE);
    CHECK(count_read(CNT_HUGE_BYTES) == huge_size(p) && all_bytes(p, 65536, 0));
    CHECK(count_read(CNT_SUPER_BYTES) == huge_size(p));
    p[0] = p[size - 1] = 1;
    CHECK(huge_give(p) && map_tag(p) == 0 && map_super(p) == NULL && !os_is_mapped(p));
    CHECK(count_read(CNT_HUGE_BYTES) == 0 && count_read(CNT_SUPER_BYTES) == 0 && keep_check() == 0);
  }
  test_end();
  test_begin("a huge block starts at a multiple of any alignment up to 64 MiB");
  for (size_t align = 4096; align <= 64 * MIB; align *= 2) {
    char *p = huge_get(100, align, &zeroed, &why);
    char *q = huge_get(3 * MIB, align, &zeroed, &why);
    CHECK(p && q && !((uintptr_t)p & (align - 1)) && !((uintptr_t)q & (align - 1)));
    CHECK(huge_give(p) && huge_give(q));
  }
  test_end();
}

static void resize(int i) {
  size_t size = LARGE_MAX + 1 + random_below(&state, 24 * MIB);
  char *p = huge_resize(block[i], size, &why);
  CHECK_MSG(p, "%zu bytes to %zu are refused", length[i], size);
  if (!p) return;
  if (p != block[i]) CHECK_MSG(map_tag(block[i]) == 0 && size > length[i], "moved to shrink");
  block[i] = p;
  CHECK_MSG(holds(i, size < length[i] ? size : length[i]), "%zu to %zu: content lost", length[i],
            size);
  CHECK(huge_size(p) >= size && map_tag(p) == TAG_HUGE && !((uintptr_t)p & (SUPER_SIZE - 1)));
  length[i] = size;
  fill(i);
}

static void random_steps(const char *retain) {
  bool zeroed;
  option_set("RETAIN", retain);
  for (int k = 0; k < 800 && !test_bad; k++) {
    int i = (int)random_below(&state, BLOCKS);
    if (!block[i]) {
      length[i] = LARGE_MAX + 1 + random_below(&state, 12 * MIB);
      block[i] = huge_get(length[i], 16, &zeroed, &why);
      CHECK(block[i]);
      if (zeroed) CHECK_MSG(block[i][0] == 0 && block[i][length[i] - 1] == 0, "not zeroed");
      fill(i);
    } else if (random_below(&state, 2)) {
      resize(i);
    } else {
      CHECK_MSG(holds(i, length[i]), "a block changed");
      CHECK(huge_give(block[i]));
      CHECK_MSG(count_read(CNT_RETAINED_BYTES) <= purge_budget(), "%lu retained, the budget is %zu",
                (unsigned long)count_read(CNT_RETAINED_BYTES), purge_budget());
      block[i] = NULL;
    }
    CHECK(keep_check() == 0);
  }
  for (int i = 0; i < BLOCKS; i++) {
    CHECK(!block[i] || huge_give(block[i]));
    block[i] = NULL;
  }
  CHECK(count_read(CNT_HUGE_BYTES) == 0 && keep_check() == 0);
  CHECK(count_read(CNT_SUPER_BYTES) >= count_read(CNT_RETAINED_BYTES));
  keep_drop(0);
  CHECK(count_read(CNT_SUPER_BYTES) == 0 && count_read(CNT_RETAINED_BYTES) == 0);
}

static void neighbours(void) {
  bool zeroed;
  uint64_t moved = count_read(CNT_HUGE_MOVED);
  char *p = huge_get(8 * MIB, 16, &zeroed, &why);
  char *q;
  test_begin(
      "a block that cannot grow in place moves by page tables; the old address is forgotten");
  memset(p, 7, 8 * MIB);
  CHECK(mmap(p + 8 * MIB, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
  q = huge_resize(p, 40 * MIB, &why);
  CHECK_MSG(q, "the resize is refused");
  CHECK(q && all_bytes(q, 8 * MIB, 7));
  CHECK_MSG(q && all_bytes(q + 8 * MIB, MIB, 0), "the new end is not zero");
  CHECK_MSG(q == p || (map_tag(p) == 0 && map_super(p) == NULL), "the map knows the old address");
  CHECK(q == p || count_read(CNT_HUGE_MOVED) == moved + 1);
  CHECK(huge_resize(q, 3 * MIB, &why) == q && !os_is_mapped(q + 3 * MIB));
  CHECK(huge_give(q));
  test_end();
}

/* Not asked to be zero. */
static char *plain(size_t size) {
  bool zeroed = false;
  return huge_get(size, 16, &zeroed, &why);
}

static void caching(void) {
  bool zeroed;
  char *p;
  uint64_t reused = count_read(CNT_HUGE_REUSED);
  test_begin(
      "a freed block is cached within the budget, counted, and serves the next of about its size");
  option_set("RETAIN", "64M");
  keep_drop(0);
  p = huge_get(10 * MIB, 16, &zeroed, &why);
  memset(p, 1, 10 * MIB);
  CHECK(huge_give(p) && os_is_mapped(p) && count_read(CNT_RETAINED_BYTES) == 10 * MIB);
  CHECK(plain(9 * MIB) == p);
  CHECK(count_read(CNT_HUGE_REUSED) == reused + 1 && count_read(CNT_RETAINED_BYTES) == 0);
  CHECK(huge_give(p));
  test_end();
  test_begin(
      "no more than 64 mappings and no more than the budget are kept; dropping drops them");
  for (int k = 0; k < 3; k++) {
    char *many[80];
    option_set("RETAIN", k == 0 ? "1G" : k == 1 ? "20M" : "0");
    for (int i = 0; i < 80; i++) many[i] = huge_get(3 * MIB, 16, &zeroed, &why);
    for (int i = 0; i < 80; i++) {
      CHECK(huge_give(many[i]));
      CHECK_MSG(count_read(CNT_RETAINED_BYTES) <= purge_budget(), "%lu retained, the budget is %zu",
                (unsigned long)count_read(CNT_RETAINED_BYTES), purge_budget());
    }
    CHECK_MSG(count_read(CNT_RETAINED_BYTES) <= HUGE_KEPT * 10 * MIB, "round %d", k);
    CHECK_MSG(k != 0 || live_mappings() == HUGE_KEPT, "%lu", (unsigned long)live_mappings());
    CHECK(keep_check() == 0);
  }
  option_set("RETAIN", "1G");
  keep_drop(0);
  CHECK(huge_give(huge_get(5 * MIB, 16, &zeroed, &why)) && keep_drop(0) == 5 * MIB);
  CHECK(count_read(CNT_RETAINED_BYTES) == 0 && keep_drop(0) == 0);
  test_end();
}

static void addresses(void) {
  enum { SIZE = 60 * MIB, N = 5 };
  bool zeroed;
  char *many[N];
  char *larger;
  test_begin("no more than 256 MiB of address space are kept, the first freed goes; what is larger "
             "is not");
  option_set("RETAIN", "64M");
  keep_drop(0);
  larger = get(257 * MIB, &zeroed);
  for (int i = 0; i < N; i++) CHECK((many[i] = get(SIZE, &zeroed)) != NULL);
  for (int i = 0; i < N; i++) {
    CHECK(huge_give(many[i])); /* no page of it was touched */
    CHECK_MSG(keep_mapped() == (size_t)(i < 4 ? i + 1 : 4) * SIZE, "%zu MiB", keep_mapped() / MIB);
  }
  CHECK(!os_is_mapped(many[0]) && os_is_mapped(many[1]) && keep_check() == 0);
  CHECK(huge_give(larger) && !os_is_mapped(larger) && keep_mapped() == 4 * SIZE);
  CHECK(count_read(CNT_SUPER_BYTES) == 4 * SIZE && live_mappings() == 4);
  CHECK(keep_drop(0) == 4 * SIZE);
  test_end();
}

static void kept(void) {
  enum { LEFT = 3840 * KIB }; /* 15/16 of HAKMEM_RETAIN */
  bool zeroed;
  char *p;
  char *q;
  option_set("RETAIN", "64M");
  keep_drop(0);
  test_begin("a kept mapping serves a block of half its pages, without the pages behind it");
  p = get(8 * MIB, &zeroed);
  memset(p, 5, 8 * MIB);
  CHECK(huge_give(p) && plain(5 * MIB) == p && huge_size(p) == 5 * MIB);
  CHECK(os_resident_end(p, 8 * MIB) == 5 * MIB && count_read(CNT_RETAINED_BYTES) == 0);
  CHECK(huge_resize(p, 7 * MIB, &why) == p && all_bytes(p + 5 * MIB, 2 * MIB, 0));
  CHECK(huge_give(p) && keep_check() == 0);
  test_end();
  test_begin("what a block leaves of a kept mapping keeps its pages, and serves the next block");
  keep_drop(0);
  memset(p = get(20 * MIB, &zeroed), 5, 20 * MIB);
  CHECK(huge_give(p) && plain(7 * MIB) == p && huge_size(p) == 8 * MIB);
  CHECK(count_read(CNT_RETAINED_BYTES) == 12 * MIB && live_mappings() == 2 && keep_check() == 0);
  q = plain(9 * MIB);
  CHECK(q == p + 8 * MIB && all_bytes(q, 9 * MIB, 5) && huge_size(q) == 9 * MIB);
  CHECK(count_read(CNT_RETAINED_BYTES) == 0 && os_resident_end(q, 12 * MIB) == 9 * MIB);
  CHECK(all_bytes(p, 8 * MIB, 5) && huge_give(p) && huge_give(q) && keep_check() == 0);
  CHECK(keep_drop(0) == 20 * MIB && !os_is_mapped(p) && !os_is_mapped(q));
  option_set("PURGE", "off");
  memset(p = get(20 * MIB, &zeroed), 5, 20 * MIB);
  CHECK(huge_give(p) && (q = plain(5 * MIB)) != p && huge_give(q));
  CHECK(plain(7 * MIB) == p && os_resident_end(p, 20 * MIB) == 20 * MIB);
  option_set("PURGE", "dontneed");
  CHECK(huge_give(p) && keep_check() == 0);
  keep_drop(0);
  test_end();
  test_begin("a larger block takes the pages of a kept mapping along, and new ones behind them");
  memset(p = get(7 * MIB, &zeroed), 5, 7 * MIB);
  CHECK(huge_give(p));
  q = plain(20 * MIB);
  CHECK(os_resident_end(q, 20 * MIB) == 7 * MIB && huge_size(q) == 20 * MIB);
  CHECK(all_bytes(q, 7 * MIB, 5) && all_bytes(q + 7 * MIB, 13 * MIB, 0));
  CHECK(huge_give(q) && keep_check() == 0);
  test_end();
  test_begin("beyond the budget pages go and address space stays, which is zero for whoever asks");
  keep_drop(0);
  option_set("RETAIN", "4M");
  memset(p = get(20 * MIB, &zeroed), 5, 20 * MIB);
  CHECK(huge_give(p) && os_is_mapped(p) && count_read(CNT_RETAINED_BYTES) == LEFT);
  CHECK(os_resident_end(p, 20 * MIB) == LEFT && keep_purge(SIZE_MAX / 2) == LEFT);
  CHECK(get(18 * MIB, &zeroed) == p && zeroed && all_bytes(p, 18 * MIB, 0) && huge_give(p));
  keep_drop(0);
  test_end();
}

static void zeroed_again(void) {
  bool zeroed;
  char *p;
  option_set("RETAIN", "64M");
  keep_drop(0);
  test_begin("asked to be zero, a kept mapping is, and no page comes that was not resident");
  memset(p = get(8 * MIB, &zeroed), 5, 8 * MIB);
  CHECK(huge_give(p) && get(8 * MIB, &zeroed) == p && zeroed);
  CHECK(os_resident_end(p, 8 * MIB) == 8 * MIB && all_bytes(p, 8 * MIB, 0) && huge_give(p));
  keep_drop(0);
  memset(p = get(8 * MIB, &zeroed), 5, MIB);
  CHECK(huge_give(p) && get(8 * MIB, &zeroed) == p && zeroed);
  CHECK(os_resident_end(p, 8 * MIB) == MIB && all_bytes(p, 8 * MIB, 0) && huge_give(p));
  keep_drop(0);
  p = get(8 * MIB, &zeroed);
  p[0] = p[8 * MIB - 1] = 5; /* resident nearly nowhere in between */
  CHECK(huge_give(p) && get(8 * MIB, &zeroed) == p && zeroed);
  CHECK(os_resident_end(p, 8 * MIB) == 0 && all_bytes(p, 8 * MIB, 0) && huge_give(p));
  CHECK(keep_check() == 0);
  keep_drop(0);
  test_end();
}

static void untouched(void) {
  bool zeroed;
  char *p;
  char *q;
  test_begin("what nobody touched is not moved; asked to be zero, it is");
  option_set("RETAIN", "64M");
  p = get(8 * MIB, &zeroed);
  CHECK(huge_give(p) && count_read(CNT_RETAINED_BYTES) == 0);
  q = get(20 * MIB, &zeroed);
  CHECK(q != p && zeroed && count_read(CNT_RETAINED_BYTES) == 0);
  CHECK(get(6 * MIB, &zeroed) == p && zeroed && huge_give(p) && huge_give(q));
  CHECK(keep_check() == 0 && keep_drop(0) > 0 && count_read(CNT_SUPER_BYTES) == 0);
  test_end();
  test_begin("of those without pages the block gets the one that fits, whichever was freed last");
  p = get(20 * MIB, &zeroed);
  q = get(8 * MIB, &zeroed);
  CHECK(huge_give(q) && huge_give(p) && get(7 * MIB, &zeroed) == q && zeroed);
  CHECK(huge_give(q) && get(7 * MIB, &zeroed) == q && get(12 * MIB, &zeroed) == p && zeroed);
  CHECK(huge_give(p) && huge_give(q) && keep_drop(0) == 28 * MIB);
  test_end();
}

static void misuse(void) {
  bool zeroed;
  char *p = huge_get(10 * MIB, 16, &zeroed, &why);
  test_begin("a huge block is given back once; a second time, or from its middle, is refused");
  CHECK(!huge_give(p + 16) && !huge_give(p + SUPER_SIZE) && !huge_give(p + UNIT_SIZE));
  CHECK(huge_give(p) && !huge_give(p) && keep_check() == 0);
  test_end();
}

static void limits(void) {
  struct rlimit space = {(size_t)1 << 30, RLIM_INFINITY};
  uint64_t bytes;
  bool zeroed;
  char *p;
  keep_drop(0);
  p = huge_get(8 * MIB, 16, &zeroed, &why);
  memset(p, 3, 8 * MIB);
  bytes = count_read(CNT_SUPER_BYTES);
  option_set("LIMIT", "30M");
  CHECK(!huge_get(64 * MIB, 16, &zeroed, &why) && why.reason == REASON_EXHAUSTION);
  CHECK(!huge_resize(p, 64 * MIB, &why) && why.reason == REASON_EXHAUSTION);
  option_set("LIMIT", "0");
  setrlimit(RLIMIT_AS, &space);
  CHECK(!huge_get((size_t)4 << 30, 16, &zeroed, &why) && why.reason == REASON_MAPFAIL);
  CHECK(why.error == ENOMEM);
  CHECK(!huge_resize(p, (size_t)4 << 30, &why) && why.reason == REASON_MAPFAIL);
  CHECK(!huge_get(PTRDIFF_MAX - 4095, 16, &zeroed, &why) && why.reason == REASON_MAPFAIL);
  CHECK_MSG(count_read(CNT_SUPER_BYTES) == bytes && huge_size(p) == 8 * MIB,
            "refusals are counted");
  CHECK(all_bytes(p, 8 * MIB, 3) && keep_check() == 0 && map_tag(p) == TAG_HUGE);
  p = huge_resize(p, 100 * MIB, &why);
  CHECK(p && all_bytes(p, 8 * MIB, 3) && huge_give(p));
}

/* What the ledger sees: live blocks by their address, cached ones as a list. */
static void seen(void) {
  struct huge_range some[3];
  bool zeroed;
  char *p;
  test_begin("huge_peek tells a live block's bytes, huge_cached those that are kept");
  option_set("RETAIN", "64M");
  keep_drop(0);
  p = huge_get(5 * MIB, 16, &zeroed, &why);
  CHECK(p && huge_peek(p) == 5 * MIB && huge_peek(p + SUPER_SIZE) == 0);
  CHECK(keep_ranges(some, 3) == 0);
  CHECK(huge_give(p) && huge_peek(p) == 0);
  CHECK(keep_ranges(some, 3) == 1 && some[0].base == p && some[0].bytes == 5 * MIB);
  CHECK(keep_ranges(some, 0) == 0);
  keep_drop(0);
  CHECK(keep_ranges(some, 3) == 0);
  test_end();
}

int main(void) {
  clearenv();
  setenv("HAKMEM_THP", "default", 1);
  option_load();
  round_trip();
  test_begin("huge blocks keep their content through random steps, and the budget of 0 holds");
  random_steps("0");
  test_end();
  test_begin("so they do, and it does, with a budget of 40 MiB that the cache fills");
  random_steps("40M");
  test_end();
  neighbours();
  caching();
  addresses();
  kept();
  zeroed_again();
  untouched();
  misuse();
  seen();
  test_begin(
      "a refusal by HAKMEM_LIMIT is EXHAUSTION, by the system MAPFAIL; the block is as it was");
  expect_return(limits);
  test_end();
  return test_status();
}
