/* thp - the mappings of blocks of each kind, as smaps shows them. The argument is HAKMEM_THP's. */
#include "../api.h"

#pragma weak hak_ledger

static struct hak_ledger_figures ledger;

/* What smaps says of the mapping that holds P. */
struct area {
  int asks;    /* VmFlags has hg */
  int refuses; /* VmFlags has nh */
  size_t huge; /* AnonHugePages, in bytes */
};

/* One line of smaps, for the mapping that holds P, if IN says so. */
static void take_line(struct area *area, const char *line) {
  sscanf(line, "AnonHugePages: %zu kB", &area->huge);
  if (strncmp(line, "VmFlags:", 8) != 0) return;
  area->asks = strstr(line, " hg") != NULL;
  area->refuses = strstr(line, " nh") != NULL;
}

static struct area area_of(const void *p) {
  struct area area = {0, 0, 0};
  char line[1024];
  int in = 0;
  FILE *smaps = fopen("/proc/self/smaps", "re");
  while (smaps && fgets(line, sizeof line, smaps)) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
      in = (uintptr_t)p >= start && (uintptr_t)p < end;
    else if (in)
      take_line(&area, line);
  }
  if (smaps) fclose(smaps);
  area.huge *= KIB;
  return area;
}

static void expect(const char *what, const void *p, const char *mode) {
  struct area area = area_of(p);
  CHECK_MSG(area.asks == !strcmp(mode, "always"), "%s: hg is %d", what, area.asks);
  CHECK_MSG(area.refuses == !strcmp(mode, "never"), "%s: nh is %d", what, area.refuses);
}

enum { BLOCKS = 40 };

/* Blocks whose last huge page would reach far beyond them, in mappings that have room for it:
 * FORMER that were freed before, or the blocks themselves before they shrank. */
static void leave_tails(size_t former, size_t first) {
  static void *block[BLOCKS];
  size_t size = 2 * MIB + 100000;
  size_t before = api_resident();
  for (int i = 0; i < BLOCKS && former; i++) block[i] = malloc(opaque(former));
  for (int i = 0; i < BLOCKS && former; i++) free(block[i]);
  for (int i = 0; i < BLOCKS; i++) block[i] = malloc(opaque(first ? first : size));
  for (int i = 0; i < BLOCKS; i++) {
    if (first) block[i] = realloc(block[i], opaque(size));
    memset(block[i], 1, size);
  }
  for (int i = 0; i < BLOCKS; i++) free(block[i]);
  CHECK_MSG(api_resident() <= before + 17 * MIB, "%zu MiB more, after %zu and %zu MiB",
            (api_resident() - before) / MIB, former / MIB, first / MIB);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "default";
  int system_has = argc > 2 && !strcmp(argv[2], "madvise");
  char *small = opaque_ptr(malloc(opaque(64)));
  char *run = opaque_ptr(malloc(opaque(MIB)));
  char *huge = opaque_ptr(malloc(opaque(8 * MIB)));
  size_t got;
  api_served();
  test_begin("blocks of a slab, a run and a huge mapping lie in mappings told so");
  expect("slab", small, mode);
  expect("run", run, mode);
  expect("huge", huge, mode);
  huge = opaque_ptr(realloc(huge, opaque(64 * MIB)));
  expect("huge, grown", huge, mode);
  test_end();
  memset(huge, 1, 64 * MIB);
  memset(small, 1, 64);
  got = area_of(huge).huge;
  if (system_has) {
    test_begin("the kernel gives huge pages where they are asked for, and only there");
    CHECK_MSG((got > 0) == !strcmp(mode, "always"), "AnonHugePages: %zu", got);
    test_end();
    test_begin("the ledger tells what is in huge pages, and what they brought unasked");
    CHECK(hak_ledger && hak_ledger(&ledger) == 0);
    CHECK_MSG(ledger.huge_pages / MIB >= got / MIB, "%zu", (size_t)ledger.huge_pages);
    CHECK((ledger.huge_pages > 0) == !strcmp(mode, "always"));
    CHECK((ledger.line[HAK_HUGE_PAGE_EXCESS].resident > 0) == !strcmp(mode, "always"));
    test_end();
  } else {
    test_skip("the kernel gives huge pages where they are asked for, and only there",
              "a kernel whose transparent_hugepage/enabled is madvise");
  }
  free(small);
  free(run);
  free(huge);
  test_begin("what huge pages bring unasked goes with the blocks that brought it");
  leave_tails(4 * MIB, 0);
  leave_tails(0, 8 * MIB);
  test_end();
  return api_close();
}
