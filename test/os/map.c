/* map - address space in and out, what the kernel refuses, and errno left alone. */
#include "os/map.h"

#include <errno.h>
#include <fcntl.h>

#include "base/bits.h"
#include "helpers/box.h"
#include "helpers/filter.h"
#include "helpers/remap.h"
#include "os/process.h"

static uint64_t state = 4;
static size_t page;
static size_t taken; /* bytes that another thread maps at the end of a refused move's target */
static size_t below; /* and how far before that end they end */

/* As the kernel does it where the system's commit limit refuses: the target goes first. */
static void *refuse_move(char *to, size_t new_bytes) {
  munmap(to, new_bytes);
  mmap(to + new_bytes - below - taken, taken, PROT_READ | PROT_WRITE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  errno = ENOMEM;
  return MAP_FAILED;
}

/* Address space of this process, in bytes. */
static size_t mapped_bytes(void) {
  char text[64] = "";
  int fd = open("/proc/self/statm", O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  return n > 0 ? strtoul(text, NULL, 10) * page : 0;
}

static bool touch_all(char *p, size_t bytes, unsigned char value) {
  for (size_t i = 0; i < bytes; i += page)
    if (p[i] != 0) return false;
  memset(p, value, bytes);
  return true;
}

static void round_trip(void) {
  int error = 0;
  test_begin("what os_map gives is zeroed, readable and writable; os_unmap takes it all back");
  for (size_t bytes = page; bytes <= 8 * MIB; bytes *= 4) {
    size_t before = mapped_bytes();
    char *p = os_map(bytes, &error);
    CHECK_MSG(p && touch_all(p, bytes, 0xa5), "%zu bytes", bytes);
    CHECK(all_bytes(p, bytes, 0xa5));
    CHECK_MSG(os_unmap(p, bytes) && !os_is_mapped(p) && !os_is_mapped(p + bytes - 1), "%zu", bytes);
    CHECK_MSG(mapped_bytes() == before, "%zu bytes stay mapped", mapped_bytes() - before);
  }
  test_end();
}

static void alignments(void) {
  enum { EACH = 6 };
  int error = 0;
  test_begin(
      "os_map_aligned gives multiples of every alignment up to 64 MiB, zeroed, and no byte more");
  for (size_t align = page; align <= 64 * MIB; align *= 2) {
    char *p[EACH];
    size_t bytes[EACH];
    size_t before = mapped_bytes();
    size_t sum = 0;
    for (int i = 0; i < EACH; i++) {
      bytes[i] = page * (1 + random_below(&state, 2000));
      p[i] = os_map_aligned(bytes[i], align, &error);
      sum += bytes[i];
      CHECK_MSG(p[i] && !((uintptr_t)p[i] & (align - 1)), "%p at %zu", (void *)p[i], align);
      CHECK_MSG(p[i] && touch_all(p[i], page, 1) && p[i][bytes[i] - 1] == (bytes[i] == page),
                "not zeroed at alignment %zu", align);
    }
    CHECK_MSG(mapped_bytes() == before + sum, "%zu bytes mapped for %zu, at alignment %zu",
              mapped_bytes() - before, sum, align);
    for (int i = 0; i < EACH; i++) CHECK(os_unmap(p[i], bytes[i]));
    CHECK_MSG(mapped_bytes() == before, "alignment %zu leaves something mapped", align);
  }
  test_end();
}

static void purging(void) {
  int error;
  size_t bytes = 4 * MIB;
  char *p = os_map(bytes, &error);
  test_begin("os_purge gives the pages back: not resident, and zero at the next touch");
  memset(p, 7, bytes);
  CHECK(resident_pages(p, bytes) == bytes / page);
  CHECK(os_purge(p + MIB, 2 * MIB));
  CHECK(resident_pages(p + MIB, 2 * MIB) == 0);
  CHECK(all_bytes(p + MIB, 2 * MIB, 0));
  CHECK(all_bytes(p, MIB, 7) && all_bytes(p + 3 * MIB, MIB, 7));
  test_end();
  os_unmap(p, bytes);
  p = os_map(bytes, &error);
  if (!os_populate(p, bytes)) {
    test_skip("os_populate makes all pages resident and keeps them zero", "MADV_POPULATE_WRITE");
  } else {
    test_begin("os_populate makes all pages resident and keeps them zero");
    CHECK_MSG(resident_pages(p, bytes) == bytes / page, "%zu pages", resident_pages(p, bytes));
    CHECK(all_bytes(p, bytes, 0));
    test_end();
  }
  os_unmap(p, bytes);
}

static void resizing(void) {
  int error;
  char *p = os_map(8 * MIB, &error);
  test_begin("os_resize shrinks and grows in place, and keeps the content");
  memset(p, 3, 8 * MIB);
  CHECK(os_resize(p, 8 * MIB, 2 * MIB));
  CHECK(!os_is_mapped(p + 2 * MIB) && all_bytes(p, 2 * MIB, 3));
  CHECK(os_resize(p, 2 * MIB, 8 * MIB));
  CHECK(all_bytes(p, 2 * MIB, 3) && all_bytes(p + 2 * MIB, 6 * MIB, 0));
  test_end();
  test_begin("os_resize refuses to grow into a neighbour, and both keep their content");
  CHECK(os_unmap(p + 4 * MIB, 4 * MIB));
  CHECK(mmap(p + 4 * MIB, page, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p + 4 * MIB);
  p[4 * MIB] = 9;
  errno = 77;
  CHECK(!os_resize(p, 4 * MIB, 8 * MIB));
  CHECK(errno == 77 && p[4 * MIB] == 9 && all_bytes(p, 2 * MIB, 3));
  test_end();
  os_unmap(p, 4 * MIB + page);
}

static void moving(void) {
  int error;
  test_begin("a move takes the content to the reserved place and leaves nothing behind");
  for (size_t align = 4 * MIB; align <= 16 * MIB; align *= 2) {
    size_t before = mapped_bytes();
    char *p = os_map(4 * MIB, &error);
    char *to = os_reserve_aligned(12 * MIB, align);
    CHECK(p && to && !((uintptr_t)to & (align - 1)));
    memset(p, 5, 4 * MIB);
    CHECK(os_move(p, 4 * MIB, 12 * MIB, to));
    CHECK(!os_is_mapped(p) && !os_is_mapped(p + 4 * MIB - 1));
    CHECK(all_bytes(to, 4 * MIB, 5) && touch_all(to + 4 * MIB, 8 * MIB, 6));
    CHECK(os_unmap(to, 12 * MIB) && mapped_bytes() == before);
  }
  test_end();
  test_begin("reserved address space is not accessible");
  {
    char *to = os_reserve_aligned(MIB, MIB);
    int end[2];
    if (pipe(end) != 0) exit(1);
    CHECK(to && os_is_mapped(to) && write(end[1], to, 1) == -1 && errno == EFAULT);
    CHECK(os_unmap(to, MIB));
    close(end[0]);
    close(end[1]);
  }
  test_end();
}

static void moving_refused(void) {
  static const size_t theirs[] = {1, 2 * MIB, 12 * MIB};
  int error;
  test_begin("a refused move leaves alone what others have mapped where the reservation was");
  for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) {
    size_t before = mapped_bytes();
    char *p = os_map(4 * MIB, &error);
    char *to = os_reserve_aligned(12 * MIB, 4 * MIB);
    memset(p, 5, 4 * MIB);
    taken = round_up(theirs[i], page);
    remap_instead = refuse_move;
    CHECK(!os_move(p, 4 * MIB, 12 * MIB, to) && all_bytes(p, 4 * MIB, 5));
    CHECK_MSG(os_is_mapped(to + 12 * MIB - page), "%zu bytes of theirs are gone", taken);
    CHECK(os_is_mapped(to + 12 * MIB - taken) && mapped_bytes() == before + 4 * MIB + taken);
    CHECK(os_unmap(to + 12 * MIB - taken, taken) && os_unmap(p, 4 * MIB));
    remap_instead = NULL;
  }
  test_end();
}

/* Is the target given back after a refused move, but for the OTHERS' bytes in it? */
static bool given_back(size_t others) {
  int error;
  size_t before = mapped_bytes();
  char *p = os_map(4 * MIB, &error);
  char *to = os_reserve_aligned(12 * MIB, 4 * MIB);
  bool gone;
  memset(p, 5, 4 * MIB);
  taken = others;
  errno = 77;
  CHECK(!os_move(p, 4 * MIB, 12 * MIB, to) && errno == 77 && all_bytes(p, 4 * MIB, 5));
  gone = mapped_bytes() == before + 4 * MIB + others;
  CHECK(os_unmap(p, 4 * MIB));
  return gone;
}

static void sandboxed(void) {
  if (!refuse_calls(SYS_msync, SYS_mremap)) exit(1);
  for (int i = 0; i < 3; i++) CHECK_MSG(given_back(0), "the target stays mapped");
}

/* The kernel unmaps the target and refuses; then msync tells nothing. */
static void half_sandboxed(void) {
  if (!refuse_calls(SYS_msync, SYS_msync)) exit(1);
  remap_instead = refuse_move;
  below = 4 * MIB;
  CHECK_MSG(given_back(2 * MIB), "what others have mapped at the target is gone");
}

static void filtered(void) {
  const char *promise = "a filter refuses mremap and msync: the target of a move is given back";
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == 0 || errno != EFAULT) {
    test_skip(promise, "seccomp filters");
    return;
  }
  test_begin(promise);
  expect_return(sandboxed);
  test_end();
  test_begin("one that refuses msync alone: what others have mapped at the target stays");
  expect_return(half_sandboxed);
  test_end();
}

static void refusals(void) {
  static const size_t impossible[] = {0, (size_t)1 << 62, (size_t)1 << 48};
  char *hole;
  int error;
  test_begin("what the kernel refuses is NULL or false with the kernel's reason, and errno stays");
  errno = 77;
  for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
    error = 0;
    CHECK(!os_map(impossible[i], &error) && error == (impossible[i] ? ENOMEM : EINVAL));
    error = 0;
    CHECK(!os_map_aligned(impossible[i], 4 * MIB, &error) && error != 0);
    CHECK(!os_reserve_aligned(impossible[i], 4 * MIB));
  }
  hole = os_map(16 * page, &error);
  CHECK(!os_unmap(hole + 1, page) && os_is_mapped(hole));
  CHECK(!os_move(hole, 16 * page, 32 * page, hole + 1) && os_is_mapped(hole));
  CHECK(os_unmap(hole, 16 * page));
  CHECK(!os_purge(hole, 16 * page));
  CHECK(!os_resize(hole, 16 * page, 32 * page));
  CHECK_MSG(errno == 77, "errno is %d", errno);
  test_end();
}

static void under_limits(void) {
  struct rlimit space = {mapped_bytes() + 24 * MIB, RLIM_INFINITY};
  struct rlimit data = {page, RLIM_INFINITY}; /* below what is in use */
  int error = 0;
  size_t before;
  char *p = os_map(8 * MIB, &error);
  char *to = os_reserve_aligned(12 * MIB, 4 * MIB);
  memset(p, 4, 8 * MIB);
  setrlimit(RLIMIT_DATA, &data);
  CHECK(!os_move(p, 8 * MIB, 12 * MIB, to));
  CHECK_MSG(!os_is_mapped(to) && !os_is_mapped(to + 12 * MIB - 1),
            "a refused move leaves the reservation behind");
  CHECK(all_bytes(p, 8 * MIB, 4));
  data.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_DATA, &data);
  os_unmap(p, 8 * MIB);
  setrlimit(RLIMIT_AS, &space);
  /* Fits by itself, but not with room to align it; and the next multiple below is taken: it goes
   * below all others. */
  p = os_map(20 * MIB + page, &error);
  to = (char *)((uintptr_t)p & ~(64 * MIB - 1));
  CHECK(os_unmap(p, 20 * MIB + page));
  CHECK(mmap(to, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == to);
  before = mapped_bytes();
  for (int i = 0; i < 8; i++) {
    p = os_map_aligned(20 * MIB + page, 64 * MIB, &error);
    CHECK(p && !((uintptr_t)p & (64 * MIB - 1)));
    if (p) CHECK(os_unmap(p, 20 * MIB + page));
    CHECK(!os_map_aligned(25 * MIB, 64 * MIB, &error) && error == ENOMEM);
  }
  CHECK_MSG(mapped_bytes() == before, "refusals keep %zu bytes", mapped_bytes() - before);
  CHECK(os_unmap(to, page) && os_map_aligned(20 * MIB + page, 64 * MIB, &error));
}

/* With the last touched page at each place, in ranges of one look and of several. */
static void resident_ends(void) {
  enum { MOST = 5000 };
  static const size_t ranges[] = {1, 7, 8, 9, 63, 64, 65, 100, MOST};
  int error;
  test_begin("os_resident_end is the end of the last resident page, or 0");
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    size_t bytes = ranges[i] * page;
    char *p = os_map(bytes, &error);
    CHECK(os_resident_end(p, bytes) == 0);
    for (size_t last = 0; last < bytes; last += page * (last < 80 * page ? 1 : 977)) {
      p[last] = 1;
      CHECK_MSG(os_resident_end(p, bytes) == last + page, "%zu of %zu pages", last / page + 1,
                ranges[i]);
    }
    os_unmap(p, bytes);
  }
  test_end();
}

/* With as many mappings as there may be, each a page of other rights than its neighbours. */
static void no_mapping_left(void) {
  enum { PAGES = 80000 };
  int error = 0;
  char *p = os_map(16 * MIB, &error);
  char *many = os_map(PAGES * page, &error);
  size_t i = 1;
  CHECK(p && many);
  while (i < PAGES && mprotect(many + i * page, page, PROT_READ) == 0) i += 2;
  errno = 77;
  if (i < PAGES) CHECK(!os_huge_pages(p + MIB, MIB, false) && errno == 77);
  CHECK(os_unmap(many, PAGES * page) && os_huge_pages(p + MIB, MIB, false));
  CHECK(os_unmap(p, 16 * MIB));
}

int main(void) {
  page = os_page_size();
  round_trip();
  alignments();
  purging();
  resident_ends();
  resizing();
  moving();
  moving_refused();
  filtered();
  refusals();
  test_begin("a refusal under RLIMIT_DATA or RLIMIT_AS changes nothing");
  expect_return(under_limits);
  test_end();
  test_begin("at vm.max_map_count advice that splits a mapping is refused, and does not hang");
  expect_return(no_mapping_left);
  test_end();
  return test_status();
}
