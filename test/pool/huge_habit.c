/* huge_habit - what blocks that come back tell of the next ones: huge pages, and what to purge. */
#include "diag/counter.h"
#include "diag/option.h"
#include "helpers/box.h"
#include "os/map.h"
#include "os/process.h"
#include "pool/huge.h"
#include "pool/keep.h"

static struct refusal why;

/* 40 times its first page is touched, the last time SECOND, too. Returns how many bytes stay. */
static size_t kept_of_block(size_t second) {
  bool zeroed;
  char *p = NULL;
  for (int i = 0; i < 40; i++) {
    p = huge_get(3 * MIB, 16, &zeroed, &why);
    p[0] = 1;
    if (i == 39) p[second] = 1;
    CHECK(huge_give(p) && count_read(CNT_RETAINED_BYTES) == os_resident_end(p, 3 * MIB));
  }
  return os_resident_end(p, 3 * MIB);
}

/* A block of which all but the last MiB is touched. Returns how many bytes stay of it. */
static size_t kept_of_used(void) {
  bool zeroed;
  char *p = huge_get(7 * MIB, 16, &zeroed, &why);
  memset(p, 1, 6 * MIB);
  CHECK(huge_give(p) && count_read(CNT_RETAINED_BYTES) >= os_resident_end(p, 7 * MIB));
  return os_resident_end(p, 7 * MIB);
}

static void used(void) {
  test_begin("what such blocks use stays also of one that is new");
  for (int i = 0; i < 40; i++) CHECK(kept_of_used() == 6 * MIB);
  for (int i = 0; i < 40; i++) {
    keep_drop(0);
    CHECK(kept_of_used() == 6 * MIB);
  }
  keep_drop(0);
  test_end();
  test_begin("with HAKMEM_PURGE=off nothing is purged of them, whatever came before");
  CHECK(kept_of_block(0) == 4096);
  option_set("PURGE", "off");
  CHECK(kept_of_block(MIB) == MIB + 4096);
  option_set("PURGE", "dontneed");
  keep_drop(0);
  test_end();
}

static void partly(void) {
  test_begin("where block after block touches what is resident, the rest is purged without a look");
  CHECK(kept_of_block(0) == 4096 && kept_of_block(MIB) == 4096);
  CHECK(keep_check() == 0 && keep_drop(0) > 0 && count_read(CNT_SUPER_BYTES) == 0);
  test_end();
}

static bool has_huge_pages(const char *p) {
  return ((const struct huge *)map_super(p))->huge_pages;
}

/* Takes a block, touches its first bytes, gives it back. Was it to have huge pages? */
static bool follows(size_t touched) {
  bool zeroed;
  bool asked;
  char *p;
  keep_drop(0); /* its pages shall be its own */
  p = huge_get(7 * MIB + 4096, 16, &zeroed, &why);
  asked = has_huge_pages(p);
  for (size_t at = 0; at < touched; at += 4096) p[at] = 1;
  CHECK(huge_give(p) && keep_check() == 0);
  return asked;
}

static void grown(void) {
  struct huge *huge;
  bool zeroed;
  char *p;
  test_begin("nor of one that has grown, and there is no room behind it for one more");
  keep_drop(0);
  p = huge_get(7 * MIB + 4096, 16, &zeroed, &why);
  CHECK(has_huge_pages(p));
  p = huge_resize(p, 7 * MIB + 128 * 1024, &why);
  CHECK(p && huge_size(p) == 8 * MIB);
  CHECK(huge_resize(p, 7 * MIB + 132 * 1024, &why) == p && huge_size(p) == 8 * MIB);
  p = huge_resize(p, 8 * MIB + 4096, &why);
  huge = map_super(p);
  CHECK(huge->used == 8 * MIB + 4096 && huge->mapped == 10 * MIB - 4096);
  CHECK(huge_resize(p, 7 * MIB + 128 * 1024, &why) == p && huge_size(p) == 8 * MIB);
  CHECK(huge_give(p));
  test_end();
}

static void huge_pages(void) {
  static const char promise[] = "with HAKMEM_THP=auto a block has huge pages after one of its size "
                                "was given back full, until one is not";
  struct huge *huge;
  bool zeroed;
  char *p;
  if (os_huge_pages_given() != HUGE_PAGES_ASKED) {
    test_skip(promise, "a kernel whose transparent_hugepage/enabled is madvise");
    return;
  }
  test_begin(promise);
  option_value[OPT_THP] = THP_AUTO;
  option_set("RETAIN", "64M");
  for (int i = 0; i < 40; i++) follows(0);
  CHECK(!follows(7 * MIB));
  for (int i = 0; i < 40; i++) follows(7 * MIB + 4096);
  CHECK(follows(7 * MIB + 4096));
  CHECK(follows(4 * MIB)); /* its end, behind its last huge page, stays untouched */
  CHECK(!follows(7 * MIB + 4096));
  for (int i = 0; i < 40; i++) follows(7 * MIB + 4096);
  option_value[OPT_THP] = THP_DEFAULT;
  CHECK(!follows(7 * MIB + 4096));
  option_value[OPT_THP] = THP_AUTO;
  test_end();
  test_begin("no address space is behind a huge page that could fill it; pages go by whole ones");
  CHECK(huge_give(huge_get(12 * MIB, 16, &zeroed, &why)));
  p = huge_get(7 * MIB + 4096, 16, &zeroed, &why);
  huge = map_super(p);
  CHECK(huge->huge_pages && huge->mapped == 8 * MIB - 4096 && huge->used == 7 * MIB + 4096);
  memset(p, 1, 7 * MIB + 4096);
  option_set("RETAIN", "6M");
  CHECK(huge_give(p) && huge->dirty % HUGE_PAGE == 0);
  keep_drop(0);
  CHECK(count_read(CNT_SUPER_BYTES) == 0);
  test_end();
  test_begin("the last huge page of a block goes beyond it by an 8th of the block at most");
  option_set("RETAIN", "64M");
  for (int i = 0; i < 40 && !follows(7 * MIB + 4096); i++) {
  }
  p = huge_get(7 * MIB + 64 * 1024, 16, &zeroed, &why);
  CHECK(has_huge_pages(p) && huge_size(p) == 7 * MIB + 64 * 1024);
  memset(p, 1, 7 * MIB + 64 * 1024);
  CHECK(huge_give(p));
  p = huge_get(7 * MIB + 128 * 1024, 16, &zeroed, &why);
  CHECK(has_huge_pages(p) && huge_size(p) == 8 * MIB);
  memset(p, 1, 8 * MIB);
  CHECK(huge_give(p));
  test_end();
  grown();
  option_value[OPT_THP] = THP_DEFAULT;
}

int main(void) {
  clearenv();
  setenv("HAKMEM_THP", "default", 1);
  option_load();
  partly();
  used();
  huge_pages();
  return test_status();
}
