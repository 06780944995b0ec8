/* huge_system - huge blocks where the system swaps pages out, or refuses: mincore and mremap are
 * the test's. */
#include <dlfcn.h>
#include <errno.h>
#include <sys/mman.h>

#include "diag/option.h"
#include "helpers/box.h"
#include "helpers/remap.h"
#include "os/map.h"
#include "pool/huge.h"
#include "pool/keep.h"

static struct refusal why;
static char *swapped_from, *swapped_to; /* what mincore does not see */

long syscall(long number, ...) {
  static long (*real)(long, ...);
  va_list more;
  long a[6], result;
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  va_start(more, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(more, long);
  va_end(more);
  result = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  for (long i = 0; number == SYS_mincore && result == 0 && i < a[1] / 4096; i++) {
    char *page = (char *)a[0] + i * 4096; /* NOLINT: an address */
    if (page >= swapped_from && page < swapped_to) ((unsigned char *)a[2])[i] = 0; /* NOLINT */
  }
  return result;
}

static void *refuse(char *to, size_t new_bytes) {
  (void)to;
  (void)new_bytes;
  errno = ENOMEM;
  return MAP_FAILED;
}

/* A block that is wanted to be zero. */
static char *get(size_t size, bool *zeroed) {
  *zeroed = true;
  return huge_get(size, 16, zeroed, &why);
}

static void swapped_out(void) {
  bool zeroed;
  char *a, *b;
  test_begin("a block that is promised to be zero is, though what it was of was swapped out");
  option_set("RETAIN", "512M");
  a = get(100 * MIB, &zeroed);
  memset(a, 0xaa, 100 * MIB);
  swapped_from = a;
  swapped_to = a + 100 * MIB;
  CHECK(huge_give(a));
  zeroed = false;
  b = huge_get(60 * MIB, 16, &zeroed, &why);
  CHECK(b == a && !zeroed && huge_give(b));
  b = get(90 * MIB, &zeroed);
  CHECK(b == a && (!zeroed || all_bytes(b, 90 * MIB, 0)) && huge_give(b));
  swapped_from = swapped_to = NULL;
  option_set("RETAIN", "0");
  keep_drop(0);
  CHECK(keep_check() == 0);
  test_end();
}

static void shrinks_refused(void) {
  bool zeroed;
  test_begin("a shrink to less than a quarter gives the pages back where mremap is refused");
  for (size_t size = 32 * MIB; size >= 4 * MIB; size /= 2) {
    char *p = get(64 * MIB, &zeroed);
    memset(p, 7, 64 * MIB);
    remap_instead = refuse;
    CHECK(huge_resize(p, size, &why) == p && huge_size(p) == size);
    remap_instead = NULL;
    CHECK_MSG(!os_resident_end(p + size, 64 * MIB - size), "to %zu MiB", size / MIB);
    CHECK(all_bytes(p, size, 7) && huge_give(p));
  }
  CHECK(keep_check() == 0);
  test_end();
}

static void locked(void) {
  enum { BLOCKS = 12 };
  char *p[BLOCKS];
  bool zeroed;
  option_set("RETAIN", "16M");
  for (int i = 0; i < BLOCKS; i++) p[i] = get(4 * MIB, &zeroed);
  for (int i = 0; i < BLOCKS; i++) CHECK(mlock(p[i], 4 * MIB) == 0);
  for (int i = 0; i < BLOCKS; i++) {
    CHECK(huge_give(p[i]));
    CHECK_MSG(count_read(CNT_RETAINED_BYTES) <= 16 * MIB, "%d blocks: %zu retained", i + 1,
              (size_t)count_read(CNT_RETAINED_BYTES));
  }
  CHECK(keep_check() == 0);
}

int main(void) {
  clearenv();
  setenv("HAKMEM_THP", "default", 1);
  option_load();
  swapped_out();
  shrinks_refused();
  expect_return_locked("locked blocks that were freed stay within the budget", locked, 48 * MIB);
  return test_status();
}
