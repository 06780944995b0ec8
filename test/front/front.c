/* front - every way of a block in and out: any size, any alignment, any state of the thread. */
#include "front/front.h"

#include <errno.h>

#include "diag/option.h"
#include "helpers/caches.h"

enum { SLOTS = 400 };

struct slot {
  unsigned char *p;
  size_t size;
  unsigned char mark;
};

static bool zeroed_ok(const struct slot *s, bool zeroed) {
  return !zeroed ||
         (s->p[0] == 0 && s->p[s->size / 2] == 0 && s->p[s->size ? s->size - 1 : 0] == 0);
}

/* Writes or compares the first and last 512 bytes. */
static void fill(struct slot *s, uint64_t *state) {
  s->mark = (unsigned char)(1 + random_below(state, 255));
  memset(s->p, s->mark, min_size(s->size, 512));
  memset(s->p + s->size - min_size(s->size, 512), s->mark, min_size(s->size, 512));
}

static bool intact(const struct slot *s) {
  size_t n = min_size(s->size, 512);
  return all_bytes(s->p, n, s->mark) && all_bytes(s->p + s->size - n, n, s->mark);
}

static size_t random_size(uint64_t *state) {
  uint64_t kind = random_below(state, 100);
  if (kind < 60) return random_below(state, 1100);
  if (kind < 85) return random_below(state, 40000);
  if (kind < 97) return random_below(state, CLASS_MAX + 5000);
  return random_below(state, 6 * MIB);
}

static void alloc(struct slot *s, uint64_t *state) {
  bool zeroed = false;
  size_t align = GRAIN;
  s->size = random_size(state);
  if (random_below(state, 4)) {
    s->p = front_alloc(s->size, &zeroed);
  } else {
    align <<= random_below(state, 19);
    s->p = front_alloc_aligned(align, s->size);
  }
  CHECK_MSG(s->p && !((uintptr_t)s->p & (align - 1)), "%zu bytes at %zu: %p", s->size, align,
            (void *)s->p);
  if (!s->p) return;
  CHECK_MSG(front_usable(s->p) >= s->size, "%zu usable of %zu", front_usable(s->p), s->size);
  CHECK_MSG(zeroed_ok(s, zeroed), "%zu bytes said to be zeroed are not", s->size);
  fill(s, state);
}

static void resize(struct slot *s, uint64_t *state) {
  size_t size = random_size(state);
  unsigned char *p = front_resize(s->p, size);
  if (!p) {
    CHECK_MSG(intact(s), "a refused resize changes %zu bytes", s->size);
    return;
  }
  s->p = p;
  CHECK_MSG(front_usable(p) >= size, "%zu usable of %zu", front_usable(p), size);
  CHECK_MSG(all_bytes(p, min_size(min_size(s->size, size), 512), s->mark),
            "a resize loses content");
  s->size = size;
  fill(s, state);
}

static void free_slot(struct slot *s) {
  CHECK_MSG(intact(s), "%zu bytes changed", s->size);
  CHECK(front_free(s->p));
  s->p = NULL;
}

/* Random steps of one thread over its own blocks. */
static void random_steps(uint64_t seed, int steps) {
  static __thread struct slot slots[SLOTS];
  uint64_t state = seed;
  for (int i = 0; i < steps && !test_bad; i++) {
    struct slot *s = &slots[random_below(&state, SLOTS)];
    if (!s->p)
      alloc(s, &state);
    else if (random_below(&state, 4))
      free_slot(s);
    else
      resize(s, &state);
  }
  for (int i = 0; i < SLOTS; i++)
    if (slots[i].p) free_slot(&slots[i]);
}

static void round_trip(void) {
  test_begin("blocks of all sizes and alignments are aligned, large enough, unshared, and go back");
  for (uint64_t seed = 1; seed <= 4; seed++) {
    random_steps(seed, 20000);
    check_cached_once(thread_self());
    CHECK_ALL();
  }
  front_flush();
  CHECK(live_blocks() == 0 && count_read(CNT_RUN_BYTES) == 0 && count_read(CNT_HUGE_BYTES) == 0);
  pool_drop_kept(true);
  CHECK(count_read(CNT_UNITS_TAKEN) == count_read(CNT_UNITS_GIVEN));
  CHECK_ALL();
  test_end();
}

static void *steps_of_thread(void *pointer) {
  random_steps((uintptr_t)pointer, 20000);
  return NULL;
}

static void threads(void) {
  enum { THREADS = 4 };
  pthread_t thread[THREADS];
  test_begin("so it is for 4 threads at once");
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, steps_of_thread, (void *)(i + 100));
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  pool_drop_kept(true);
  CHECK(live_blocks() == 0 && count_read(CNT_UNITS_TAKEN) == count_read(CNT_UNITS_GIVEN));
  CHECK_ALL();
  test_end();
}

static void sizes(void) {
  test_begin(
      "every size to 70,000 and samples to 16 MiB are usable in full, by the way they belong to");
  for (size_t size = 0; size <= 16 * MIB; size += size < 70000 ? 1 : 99991) {
    void *p = front_alloc(size, NULL);
    unsigned code = map_tag(p) & TAG_CODE_MASK;
    CHECK_MSG(p && front_usable(p) >= size && front_usable(p) >= GRAIN, "%zu bytes", size);
    CHECK_MSG(size <= CLASS_MAX   ? code == 2 * class_of(size)
              : size <= LARGE_MAX ? code == TAG_RUN
                                  : code == TAG_HUGE,
              "%zu bytes have the code %u", size, code);
    CHECK(front_free(p));
  }
  test_end();
  test_begin("a block of no bytes is one of its own, at any alignment");
  for (size_t align = GRAIN; align <= 16 * MIB; align *= 2) {
    void *p = front_alloc_aligned(align, 0);
    void *q = front_alloc_aligned(align, 0);
    CHECK_MSG(p && q && p != q && !((uintptr_t)p & (align - 1)), "at %zu", align);
    CHECK(front_free(p) && front_free(q));
  }
  test_end();
}

static void impossible(void) {
  uint64_t before = failure_count(REASON_OVERFLOW, TIER_HUGE);
  test_begin("sizes that cannot be are refused and recorded as overflow, and errno is left alone");
  errno = 77;
  CHECK(!front_alloc((size_t)PTRDIFF_MAX + 1, NULL) && !front_alloc(SIZE_MAX, NULL));
  CHECK(!front_alloc_aligned(64, SIZE_MAX - 10));
  CHECK(!front_alloc_aligned((size_t)1 << 62, (size_t)1 << 62));
  CHECK_MSG(failure_count(REASON_OVERFLOW, TIER_HUGE) == before + 4, "%lu recorded",
            (unsigned long)(failure_count(REASON_OVERFLOW, TIER_HUGE) - before));
  test_end();
  test_begin("a size that the system refuses is recorded as MapFail");
  before = failure_count(REASON_MAPFAIL, TIER_HUGE);
  CHECK(!front_alloc((size_t)1 << 60, NULL) && !front_alloc(PTRDIFF_MAX - 65536, NULL));
  CHECK(failure_count(REASON_MAPFAIL, TIER_HUGE) == before + 2 && errno == 77);
  test_end();
}

static void strangers(void) {
  int local;
  test_begin("an address that is not hakmem's is refused, and has no usable size");
  CHECK(!front_free(&local) && !front_free(NULL) && !front_free((void *)~(uintptr_t)0));
  CHECK(front_usable(&local) == 0 && front_usable(NULL) == 0 && !front_resize(&local, 10));
  test_end();
}

static char *misused;

static void free_twice(void) {
  front_free(misused);
  front_free(misused);
  front_flush();
  abort(); /* what a second free of a mapping that is gone ends in: not hakmem's address any more */
}

static void free_inside(void) {
  front_free(misused + 4096);
}

static void misuse(void) {
  test_begin("a pointer into a run or huge block is named, and ends the process");
  misused = front_alloc(CLASS_MAX + 1, NULL);
  expect_abort(free_inside, "middle of a block");
  front_free(misused);
  misused = front_alloc(3 * MIB, NULL);
  expect_abort(free_inside, "middle of a block");
  front_free(misused);
  test_end();
  test_begin("a second free of a run or huge block finds an address that is not hakmem's");
  misused = front_alloc(CLASS_MAX + 1, NULL);
  CHECK(front_free(misused) && !front_free(misused));
  misused = front_alloc(3 * MIB, NULL);
  CHECK(front_free(misused) && !front_free(misused));
  test_end();
  test_begin("a second free of a block of a class is named, and ends the process");
  misused = front_alloc(100, NULL);
  expect_abort(free_twice, "double free");
  front_free(misused);
  test_end();
}

static void limit(void) {
  uint64_t before = failure_count(REASON_EXHAUSTION, TIER_TINY);
  void *p;
  long n = 0;
  test_begin(
      "at HAKMEM_LIMIT blocks are refused as Exhaustion; what is kept for speed gives way first");
  front_flush();
  pool_drop_kept(true);
  super_drop_empty(0);
  keep_drop(0);
  front_free(front_alloc(20 * MIB, NULL));
  front_free(front_alloc(10 * MIB, NULL));
  option_set("LIMIT", "24M");
  p = front_alloc(16 * MIB, NULL);
  CHECK_MSG(p, "refused while the cache holds memory");
  while (n < 1000000 && front_alloc(1000, NULL)) n++;
  CHECK_MSG(n < 30000 && n > 4000, "%ld blocks of 1,000 bytes in 8 MiB", n);
  CHECK(failure_count(REASON_EXHAUSTION, TIER_TINY) == before + 1);
  option_set("LIMIT", "0");
  CHECK(front_alloc(1000, NULL) && front_free(p));
  CHECK_ALL();
  test_end();
}

static void check_can_fail(void) {
  struct thread *t = thread_self();
  unsigned class = class_of(500);
  void **top;
  front_free(front_alloc(500, NULL));
  test_begin("front_check sees a magazine below or above its bounds, and a spoilt floor (I1)");
  top = t->gates.mag[class].top;
  t->gates.mag[class].top = t->cell[class].base - 1;
  CHECK_REPORTS(front_check, "I1");
  t->gates.mag[class].top = t->cell[class].base + MAGAZINE_MAX + 1;
  CHECK_REPORTS(front_check, "I1");
  t->gates.mag[class].top = top;
  t->cell[class].base[-1] = top;
  CHECK_REPORTS(front_check, "I1");
  t->cell[class].base[-1] = NULL;
  CHECK(front_check() == 0);
  test_end();
  test_begin("front_check sees a slot below the top that is empty");
  {
    void *kept = top[-1];
    top[-1] = NULL;
    CHECK_REPORTS(front_check, "I1");
    top[-1] = kept;
  }
  CHECK(front_check() == 0);
  test_end();
}

int main(void) {
  clearenv();
  round_trip();
  threads();
  sizes();
  impossible();
  strangers();
  misuse();
  limit();
  check_can_fail();
  return test_status();
}
