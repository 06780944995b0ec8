/* pages - residence page by page, and smaps' word on the same mappings. */
#include "os/pages.h"

#include "base/bits.h"
#include "helpers/box.h"
#include "os/map.h"
#include "os/process.h"
#include "os/smaps.h"

enum { PAGES = 200 };

static struct pages pages;

static size_t page_size(void) {
  return (size_t)1 << pages.shift;
}

static char *fresh(size_t n) {
  int error;
  char *p = os_map(n * page_size(), &error);
  if (!p) test_fail("no memory");
  return p;
}

static size_t count(const uint64_t *bits, size_t n) {
  size_t sum = 0;
  for (size_t i = 0; i < n; i++) sum += bits[i / 64] >> i % 64 & 1;
  return sum;
}

/* Touches each third page of a fresh mapping; those and no others are present. */
static void touched(void) {
  char *p = fresh(PAGES);
  for (size_t i = 0; i < PAGES; i += 3) p[i * page_size()] = 1;
  pages_look(&pages, (uintptr_t)p, PAGES);
  for (size_t i = 0; i < PAGES; i++) CHECK_MSG(pages_present(&pages, i) == !(i % 3), "page %zu", i);
  CHECK(count(pages.shared, PAGES) == 0);
  CHECK(os_purge(p, PAGES * page_size()));
  pages_look(&pages, (uintptr_t)p, PAGES);
  CHECK_MSG(count(pages.present, PAGES) == 0, "purged pages are present");
  os_unmap(p, PAGES * page_size());
}

static void holes(void) {
  char *p = fresh(PAGES);
  for (size_t i = 0; i < PAGES; i++) p[i * page_size()] = 1;
  os_unmap(p + 50 * page_size(), 20 * page_size());
  pages_look(&pages, (uintptr_t)p, PAGES);
  CHECK_MSG(count(pages.present, PAGES) == PAGES - 20, "%zu", count(pages.present, PAGES));
  CHECK(pages_present(&pages, 49) && !pages_present(&pages, 50) && !pages_present(&pages, 69));
  CHECK(pages_present(&pages, 70));
  os_unmap(p, PAGES * page_size());
}

/* The sum over the mappings that lie in [P, P + BYTES). */
static struct smaps_area sum_of(const char *p, size_t bytes) {
  static struct smaps smaps;
  struct smaps_area sum = {0, 0, 0, 0, 0}, area;
  uintptr_t last = 0;
  CHECK(smaps_open(&smaps));
  while (smaps_next(&smaps, &area)) {
    CHECK_MSG(area.start >= last && area.end > area.start, "out of order at %lx", area.start);
    last = area.end;
    sum.end += area.resident; /* of the whole process */
    if (area.start < (uintptr_t)p || area.end > (uintptr_t)p + bytes) continue;
    sum.resident += area.resident;
    sum.lazy_free += area.lazy_free;
    sum.huge_pages += area.huge_pages;
  }
  smaps_close(&smaps);
  return sum;
}

/* Looks at N pages from P, all of which were read. Most kernels show one page of zeros to who only
 * reads, and count it as nobody's; some give each reader pages of its own. */
static void were_read(const char *p, size_t n) {
  size_t own = sum_of(p, n * page_size()).resident / page_size();
  pages_look(&pages, (uintptr_t)p, n);
  CHECK(count(pages.present, PAGES_MOST) == n);
  CHECK_MSG(count(pages.shared, PAGES_MOST) == n - own, "%zu are shared, %zu are its own",
            count(pages.shared, PAGES_MOST), own);
}

/* Apart from its neighbours, so that smaps tells of it alone. */
static void set_apart(char *p, size_t bytes) {
  CHECK(madvise(p, bytes, MADV_DONTFORK) == 0);
}

static void zeros(void) {
  char *p = fresh(PAGES);
  volatile char seen = 0;
  set_apart(p, PAGES * page_size());
  for (size_t i = 0; i < PAGES; i++) seen += p[i * page_size()];
  p[0] = 1;
  were_read(p, PAGES);
  CHECK(!pages_shared(&pages, 0));
  os_unmap(p, PAGES * page_size());
}

/* Where huge pages are asked for, the zeros come as a huge page, which looks like a file's. */
static void huge_zeros(void) {
  size_t huge = 2 * MIB;
  char *map = fresh(2 * huge / page_size());
  char *p = map + (-(uintptr_t)map & (huge - 1));
  volatile char seen = 0;
  set_apart(p, huge);
  madvise(p, huge, MADV_HUGEPAGE);
  for (size_t i = 0; i < huge; i += page_size()) seen += p[i];
  were_read(p, huge / page_size());
  p[0] = 1;
  pages_look(&pages, (uintptr_t)p, 1);
  CHECK(pages_present(&pages, 0) && !pages_shared(&pages, 0));
  os_unmap(map, 2 * huge);
}

static char *inherited;

static void in_child(void) {
  pages_open(&pages); /* the child's own, not what its parent has open */
  pages_look(&pages, (uintptr_t)inherited, PAGES);
  CHECK(count(pages.present, PAGES) == PAGES);
  CHECK_MSG(count(pages.shared, PAGES) == PAGES, "%zu", count(pages.shared, PAGES));
  for (size_t i = 0; i < 30; i++) inherited[i * page_size()]++;
  pages_look(&pages, (uintptr_t)inherited, PAGES);
  CHECK_MSG(count(pages.shared, PAGES) == PAGES - 30, "%zu", count(pages.shared, PAGES));
}

/* --- smaps --- */

static void known_areas(void) {
  size_t bytes = PAGES * page_size();
  char *p = fresh(PAGES);
  size_t rss, lazy;
  char *middle = p + 10 * page_size();
  size_t middle_bytes = 100 * page_size();
  memset(p, 1, bytes);
  set_apart(middle, middle_bytes);
  CHECK_MSG(sum_of(middle, middle_bytes).resident == middle_bytes, "resident");
  CHECK(sum_of(middle, middle_bytes).lazy_free == 0);
  /* the kernel marks them some 30 at a time */
  CHECK(madvise(middle, 60 * page_size(), MADV_FREE) == 0);
  lazy = sum_of(middle, middle_bytes).lazy_free;
  CHECK_MSG(lazy >= 20 * page_size() && lazy <= 60 * page_size(), "lazy: %zu", lazy);
  os_purge(middle, 60 * page_size());
  CHECK(sum_of(middle, middle_bytes).resident == 40 * page_size());
  rss = os_resident_bytes();
  CHECK_MSG(sum_of(p, 0).end > rss / 100 * 80 && sum_of(p, 0).end < rss / 80 * 100 + MIB,
            "sum %zu, VmRSS %zu", (size_t)sum_of(p, 0).end, rss);
  os_unmap(p, bytes);
}

static void no_files(void) {
  static struct smaps smaps;
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_NOFILE, &none);
  CHECK(!smaps_open(&smaps));
  pages_open(&pages);
  CHECK(pages.fd < 0);
  touched();
  holes();
}

static void object_data(void) {
  uintptr_t start;
  size_t bytes;
  static int own;
  test_begin("the writable part of a shared object is found by an address in it, a program's not");
  CHECK(os_object_data(stdout, &start, &bytes));
  CHECK(start <= (uintptr_t)stdout && (uintptr_t)stdout < start + bytes && bytes < 100 * MIB);
  CHECK(!os_object_data(&own, &start, &bytes));
  test_end();
}

int main(void) {
  pages_open(&pages);
  test_begin("the pages that were touched are present, and no others; purged ones are not");
  CHECK(pages.fd >= 0);
  touched();
  test_end();
  test_begin("what is not mapped is not present");
  holes();
  test_end();
  test_begin("pages that were only read are present, and shared if the kernel counts them so");
  zeros();
  test_end();
  test_begin("so are those of a huge page");
  huge_zeros();
  test_end();
  test_begin("a forked child's pages are shared until it writes to them");
  inherited = fresh(PAGES);
  memset(inherited, 1, PAGES * page_size());
  expect_return(in_child);
  test_end();
  test_begin("smaps tells what of a mapping is resident and lazily freed, and adds up to VmRSS");
  known_areas();
  test_end();
  test_begin("without /proc smaps refuses, and mincore answers for the pages");
  expect_return(no_files);
  test_end();
  object_data();
  return test_status();
}
