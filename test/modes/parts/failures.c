/* failures - hak_failures() against what the program itself knows of its refused requests.
 *
 * Prints one line per record, the newest first, as the trace words it; then its own promises.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hakmem.h"
#include "test.h"

enum { MOST = 300, ASKED = 5 };

static unsigned (*failures)(struct hak_failure *, unsigned);
static struct hak_failure record[MOST];
static void *asked_from[ASKED]; /* where the frame around each request goes on */

/* Each in a frame of its own, whose return address is known here. */
__attribute__((noinline)) static int ask(unsigned i, volatile size_t size) {
  void *p = malloc(size);
  asked_from[i] = __builtin_return_address(0);
  free(p);
  return p != NULL;
}

static int has_caller(const struct hak_failure *f, const void *address) {
  for (unsigned i = 0; i < f->depth && i < 16; i++)
    if (f->callers[i] == (uintptr_t)address) return 1;
  return 0;
}

static size_t size_asked(unsigned i) {
  return SIZE_MAX - 4096 * (size_t)i;
}

static void check_order(void) {
  unsigned n;
  test_begin("hak_failures gives the newest first, with size, reason, tier, next, verdict");
  for (unsigned i = 0; i < ASKED; i++) CHECK(!ask(i, size_asked(i)));
  n = failures(record, MOST);
  CHECK_MSG(n == ASKED, "%u records", n);
  for (unsigned i = 0; i < ASKED && i < n; i++) {
    const struct hak_failure *f = &record[i];
    CHECK_MSG(f->size == size_asked(ASKED - 1 - i), "record %u is of %zx", i, (size_t)f->size);
    CHECK(!strcmp(f->reason, "overflow") && !strcmp(f->tier, "huge"));
    CHECK(!strcmp(f->next, "none") && !strcmp(f->verdict, "impossible"));
    CHECK(f->thread == (uint32_t)syscall(SYS_gettid) && f->error == 0 && f->bytes == 0);
    CHECK(f->limit == PTRDIFF_MAX && f->use == f->size);
    CHECK(i == 0 || f->time <= record[i - 1].time);
  }
  CHECK(failures(record, 2) == 2 && record[1].size == size_asked(ASKED - 2));
  CHECK(failures(record, 0) == 0);
  test_end();
}

static void check_callers(void) {
  unsigned n = failures(record, ASKED);
  test_begin("each record names the frame of the program that asked, among its callers");
  for (unsigned i = 0; i < ASKED && i < n; i++) {
    const struct hak_failure *f = &record[i];
    CHECK(f->depth > 0 && f->depth <= 16 && f->callers[f->depth - 1]);
    CHECK_MSG(has_caller(f, asked_from[ASKED - 1 - i]), "record %u: %p is not there", i,
              asked_from[ASKED - 1 - i]);
  }
  test_end();
}

static void check_kept(void) {
  test_begin("of more than 256 refusals the last 256 are kept");
  for (size_t i = 0; i < 1000; i++) ask(0, SIZE_MAX - i);
  CHECK(failures(record, MOST) == 256);
  for (unsigned i = 0; i < 256; i++) CHECK(record[i].size == SIZE_MAX - 999 + i);
  test_end();
}

static void print_records(unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    const struct hak_failure *f = &record[i];
    printf("# %s tier=%s size=%zu class=%zu next=%s thread=%u verdict=%s\n", f->reason, f->tier,
           (size_t)f->size, (size_t)f->class_size, f->next, f->thread, f->verdict);
  }
}

int main(void) {
  static char buffer[65536];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  failures = (unsigned (*)(struct hak_failure *, unsigned))dlsym(RTLD_DEFAULT, "hak_failures");
  if (!failures) {
    test_begin("hak_failures is there");
    test_fail("not found");
    return 1;
  }
  if (getenv("PRINT_ONLY")) { /* provoked by W_MAX and by size: one of each reason */
    ask(0, 33000);
    ask(1, SIZE_MAX);
    print_records(failures(record, 2));
    return 0;
  }
  check_order();
  check_callers();
  check_kept();
  return test_status();
}
