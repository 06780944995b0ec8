/* counters - hak_counter reads each line of the statistics by its name, and no other. */
#include "api.h"

#pragma weak hak_counter
#pragma weak hak_stats_print

static char report[256 * KIB];

static uint64_t counter(const char *name) {
  uint64_t value = 0;
  CHECK_MSG(hak_counter(name, &value) == 0, "%s is not known", name);
  return value;
}

/* The report of now. */
static void read_report(void) {
  int fd = memfd_create("report", MFD_CLOEXEC);
  ssize_t n;
  CHECK(fd >= 0 && hak_stats_print(fd) == 0);
  n = pread(fd, report, sizeof report - 1, 0);
  report[n > 0 ? n : 0] = 0;
  close(fd);
}

/* Lines of figures begin with a name that has a point, up to the ledger. */
static size_t known_lines(void) {
  size_t known = 0;
  for (char *line = strtok(report, "\n"); line; line = strtok(NULL, "\n")) {
    char name[64];
    uint64_t value;
    if (!strncmp(line, "ledger", 6)) break;
    if (sscanf(line, "%63[a-z_.]", name) != 1 || !strchr(name, '.')) continue;
    CHECK_MSG(hak_counter(name, &value) == 0, "%s is not known", name);
    known++;
  }
  return known;
}

static void names(void) {
  static const char *const unknown[] = {"", "heap", "heap.", "heap.live_bytes ", "failures.",
                                        "failures.overflow", "failures.overflow.", "live.slabs",
                                        "failures.overflow.huge2", "failures.huge.overflow"};
  static const char *const headings[] = {"heap.live_bytes", "failures.overflow.huge"};
  test_begin("each figure of the statistics is read by its name, and no other is");
  CHECK(opaque_ptr(malloc(opaque((size_t)PTRDIFF_MAX + 1))) == NULL);
  read_report();
  for (size_t i = 0; i < COUNT_OF(headings); i++) CHECK(strstr(report, headings[i]) != NULL);
  CHECK(known_lines() > 40);
  for (size_t i = 0; i < COUNT_OF(unknown); i++) {
    uint64_t value = 77;
    CHECK_MSG(hak_counter(unknown[i], &value) == -1 && value == 77, "'%s' is known", unknown[i]);
  }
  test_end();
}

static void values(void) {
  uint64_t live = counter("heap.live_bytes"), overflows = counter("failures.overflow.huge");
  uint64_t nulls = counter("heap.nulls");
  void *run, *huge;
  test_begin("live bytes and failures are those of the moment");
  run = opaque_ptr(malloc(opaque(MIB)));
  huge = opaque_ptr(malloc(opaque(8 * MIB)));
  CHECK(counter("heap.live_bytes") == live + 9 * MIB);
  CHECK(counter("heap.mapped_bytes") >= 12 * MIB && counter("heap.superslabs") >= 1);
  CHECK(counter("heap.resident_bytes") > MIB && counter("heap.free_bytes") < 64 * MIB);
  free(run);
  free(huge);
  CHECK(counter("heap.live_bytes") == live);
  CHECK(opaque_ptr(calloc(opaque(SIZE_MAX), 2)) == NULL);
  CHECK(counter("failures.overflow.huge") == overflows + 1 && counter("heap.nulls") == nulls + 1);
  CHECK(counter("failures.mapfail.huge") == 0);
  test_end();
}

int main(void) {
  api_served();
  if (api_any()) {
    test_skip("each figure of the statistics is read by its name", "HAK_TEST_ANY=1");
    return api_close();
  }
  names();
  values();
  return api_close();
}
