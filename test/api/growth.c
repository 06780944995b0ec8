/* growth - realloc of large blocks: where a block can grow in place it does, above 2 MiB nothing is
 * copied, a vector that grows to 1 GiB is never held twice, and what shrinks gives its pages back.
 *
 * That nothing is copied is shown by blocks that can be neither read nor written meanwhile: a copy
 * would end the process. That nothing is held twice is shown by the peak that the kernel keeps.
 */
#include "api.h"

#include <sys/resource.h>

#pragma weak hak_counter

#define UNIT (64 * KIB)
#define PAGE ((size_t)4096)

static size_t counter(const char *name) {
  uint64_t value = 0;
  CHILD_CHECK(hak_counter && hak_counter(name, &value) == 0);
  return (size_t)value;
}

/* A figure in KiB of a file of /proc, such as "VmHWM:" of the process, in bytes. */
static size_t figure(const char *path, const char *name) {
  char text[4096];
  size_t kib = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  const char *line;
  if (fd >= 0) close(fd);
  text[n > 0 ? n : 0] = 0;
  line = strstr(text, name);
  if (line) sscanf(line + strlen(name), "%zu", &kib);
  return kib * KIB;
}

static size_t peak(void) {
  return figure("/proc/self/status", "VmHWM:");
}

static size_t faults(void) {
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return (size_t)use.ru_minflt;
}

/* --- a vector that grows to 1 GiB --- */

static size_t by_half(size_t size) {
  return size + size / 2 + 8;
}

static size_t doubled(size_t size) {
  return 2 * size;
}

/* Lets a vector grow from 64 bytes to LAST and frees it; each page is written as it comes. */
static void grow_vector(size_t (*next)(size_t), size_t last) {
  size_t start = api_resident(), size = 64, worst = 0;
  unsigned char *p = (unsigned char *)opaque_ptr(malloc(size));
  memset(p, 1, size);
  while (size < last) {
    size_t to = next(size) < last ? next(size) : last;
    size_t before = faults();
    p = (unsigned char *)opaque_ptr(realloc(p, opaque(to)));
    CHILD_CHECK(p && p[0] == 1 && p[size / 2] == 1 && p[size - 1] == 1);
    before = faults() - before;
    if (size > 2 * MIB && before > worst) worst = before;
    for (size_t at = size; at < to; at += PAGE) p[at] = 1;
    p[to - 1] = p[to / 2] = 1;
    size = to;
  }
  snprintf(api_note, 512, "resident at the peak %zu MiB, at the start %zu; %zu faults in one call",
           peak() / MIB, start / MIB, worst);
  /* leaves of the slab map, and pages of the library: not pages of the block */
  if (worst > 32) _exit(99);
  if (peak() - start > last + last / 10) _exit(99);
  if (peak() - start < last / 100 * 99) _exit(99); /* it was held, and counted */
  free(p);
  CHILD_CHECK(api_violations() == 0);
}

static void doubling(void) {
  grow_vector(doubled, GIB);
}

static void half_more(void) {
  grow_vector(by_half, GIB);
}

/* --- nothing is copied --- */

static void forbid(void *p, size_t bytes) {
  CHILD_CHECK(mprotect(p, bytes, PROT_NONE) == 0);
}

static void allow(void *p, size_t bytes) {
  CHILD_CHECK(mprotect(p, bytes, PROT_READ | PROT_WRITE) == 0);
}

/* Grows a block of 2 MiB and a page to 1 GiB while nobody may touch it. */
static void grow_untouchable(size_t (*next)(size_t)) {
  size_t size = 2 * MIB + PAGE, moved = counter("pool.huge_moved");
  unsigned char *p = (unsigned char *)opaque_ptr(malloc(opaque(size)));
  memset(p, 7, size);
  while (size < GIB) {
    size_t to = next(size) & ~(PAGE - 1);
    /* what lies behind it now makes it move */
    void *neighbours[2] = {opaque_ptr(malloc(opaque(3 * MIB))), opaque_ptr(malloc(opaque(MIB)))};
    forbid(p, size);
    p = (unsigned char *)opaque_ptr(realloc(p, opaque(to)));
    CHILD_CHECK(p != NULL && malloc_usable_size(p) >= to);
    allow(p, to);
    CHILD_CHECK(p[0] == 7 && p[2 * MIB + PAGE - 1] == 7 && p[to - 1] == 0);
    free(neighbours[0]);
    free(neighbours[1]);
    size = to;
  }
  CHILD_CHECK(counter("pool.huge_moved") > moved);
  free(p);
  CHILD_CHECK(api_violations() == 0);
}

static void untouchable(void) {
  grow_untouchable(doubled);
  grow_untouchable(by_half);
}

/* Shrinks one so, page by page at last, down to the least huge block. */
static void shrink_untouchable(void) {
  size_t size = 512 * MIB;
  unsigned char *p = (unsigned char *)opaque_ptr(malloc(opaque(size))), *was = p;
  for (size_t to = size / 2; to > 2 * MIB; to = to > 4 * MIB ? to / 2 : to - PAGE) {
    forbid(p, size);
    p = (unsigned char *)opaque_ptr(realloc(p, opaque(to)));
    CHILD_CHECK(p == was && malloc_usable_size(p) == to);
    allow(p, to);
    size = to;
  }
  CHILD_CHECK(counter("pool.huge_bytes") <= 2 * MIB + PAGE);
  free(p);
}

/* --- runs --- */

/* A fresh superslab is all free: its first run has free units behind it. */
static void run_in_place(void) {
  unsigned char *p = (unsigned char *)opaque_ptr(memalign(2 * MIB, opaque(5 * UNIT))), *was = p;
  void *behind;
  CHILD_CHECK(p != NULL);
  memset(p, 3, 5 * UNIT);
  for (size_t units = 5; units < 32; units++) {
    forbid(p, units * UNIT);
    p = (unsigned char *)opaque_ptr(realloc(p, opaque((units + 1) * UNIT)));
    CHILD_CHECK(p == was);
    allow(p, units * UNIT);
    CHILD_CHECK(p[5 * UNIT - 1] == 3 && malloc_usable_size(p) == (units + 1) * UNIT);
  }
  /* down again, and up only until somebody is there */
  p = (unsigned char *)opaque_ptr(realloc(p, opaque(16 * UNIT)));
  CHILD_CHECK(p == was);
  behind = opaque_ptr(memalign(MIB, opaque(8 * UNIT)));
  CHILD_CHECK((unsigned char *)behind == p + 16 * UNIT);
  p = (unsigned char *)opaque_ptr(realloc(p, opaque(17 * UNIT)));
  CHILD_CHECK(p != was && p[0] == 3 && p[5 * UNIT - 1] == 3);
  free(p);
  free(behind);
  CHILD_CHECK(api_violations() == 0);
}

/* From a run to a mapping its 2 MiB at most are copied, and what was a run serves again. */
static void run_to_huge(void) {
  size_t start = api_resident();
  for (size_t i = 0; i < 64; i++) {
    unsigned char *p = (unsigned char *)opaque_ptr(malloc(opaque(2 * MIB)));
    memset(p, 5, 2 * MIB);
    p = (unsigned char *)opaque_ptr(realloc(p, opaque(2 * MIB + 1)));
    CHILD_CHECK(p[0] == 5 && p[2 * MIB - 1] == 5 && p[2 * MIB] == 0);
    p = (unsigned char *)opaque_ptr(realloc(p, opaque(i % 2 ? 2 * MIB : 8 * MIB)));
    CHILD_CHECK(p[0] == 5 && p[2 * MIB - 1] == 5);
    free(p);
  }
  snprintf(api_note, 512, "resident at the peak %zu MiB, at the start %zu", peak() / MIB,
           start / MIB);
  /* the run, its copy, and what may be retained */
  if (peak() - start > (2 + 2 + 16 + 1) * MIB) _exit(99);
  CHILD_CHECK(api_violations() == 0);
}

/* --- shrinking gives pages back --- */

/* Shrunk by realloc alone; without a trim 16 MiB of units may stay. */
static void shrink_gives_back(void) {
  enum { RUNS = 128 };
  static unsigned char *run[RUNS];
  unsigned char *huge = (unsigned char *)opaque_ptr(malloc(opaque(512 * MIB)));
  size_t start = api_resident();
  memset(huge, 1, 512 * MIB);
  for (size_t i = 0; i < RUNS; i++)
    run[i] = (unsigned char *)memset(opaque_ptr(malloc(opaque(2 * MIB))), 1, 2 * MIB);
  CHILD_CHECK(api_resident() > start + 760 * MIB);
  huge = (unsigned char *)opaque_ptr(realloc(huge, opaque(4 * MIB)));
  for (size_t i = 0; i < RUNS; i++) {
    unsigned char *was = run[i];
    run[i] = (unsigned char *)opaque_ptr(realloc(run[i], opaque(320 * KIB)));
    CHILD_CHECK(run[i] == was);
  }
  snprintf(api_note, 512, "%zu MiB more than at the start, 44 live",
           (api_resident() - start) / MIB);
  if (api_resident() > start + (4 + 40 + 16 + 1) * MIB) _exit(99);
  huge = (unsigned char *)opaque_ptr(realloc(huge, opaque(100)));
  for (size_t i = 0; i < RUNS; i++) {
    CHILD_CHECK(run[i][0] == 1 && run[i][320 * KIB - 1] == 1);
    run[i] = (unsigned char *)opaque_ptr(realloc(run[i], opaque(1000)));
    CHILD_CHECK(run[i][0] == 1 && run[i][999] == 1);
  }
  snprintf(api_note, 512, "%zu KiB more than at the start, 128 live",
           (api_resident() - start) / KIB);
  if (api_resident() > start + (16 + 1) * MIB) _exit(99);
  CHILD_CHECK(api_violations() == 0);
}

int main(void) {
  static const struct {
    const char *name;
    void (*scenario)(void);
    size_t memory;
  } scenarios[] = {
      {"a vector doubled to 1 GiB: 1.1 times that is resident at most", doubling, 1280 * MIB},
      {"a vector grown by half to 1 GiB: 1.1 times that is resident at most", half_more,
       1280 * MIB},
      {"growing above 2 MiB copies nothing: the block can be neither read nor written", untouchable,
       0},
      {"shrinking above 2 MiB copies nothing and stays in place", shrink_untouchable, 0},
      {"a run grows in place into free units, and moves only when somebody is there", run_in_place,
       0},
      {"from a run to a mapping and back: content is kept, and nothing piles up", run_to_huge, 0},
      {"what runs and huge blocks shrink by goes back to the system", shrink_gives_back,
       1000 * MIB},
  };
  api_served();
  for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
    if (figure("/proc/meminfo", "MemAvailable:") < scenarios[i].memory) {
      test_skip(scenarios[i].name, "less than 1.3 GiB of memory is free");
      continue;
    }
    test_begin(scenarios[i].name);
    api_child(scenarios[i].scenario, 60);
    test_end();
  }
  return api_close();
}
