/* faults - every n-th system call fails, for n from 1 to 200: nothing crashes, nothing is lost.
 *
 * Each n runs in a process of its own, from the first block on, so that faults also fall into the
 * start and the births of threads.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "helpers/caches.h"
#include "oom/parts/faulty_os.h"
#include "os/map.h"
#include "os/process.h"

enum { SLOTS = 50, STEPS = 700, THREADS = 3 };

struct slot {
  unsigned char *p;
  size_t size;
  unsigned char mark;
};

static unsigned every;
static unsigned kinds;
static uint64_t nulls; /* requests that were refused */
static bool give_back; /* does address space count as lost when it is not given back? */

static size_t random_size(uint64_t *state) {
  uint64_t kind = random_below(state, 100);
  if (kind < 40) return random_below(state, 2000);
  if (kind < 70) return random_below(state, CLASS_MAX);
  if (kind < 92) return random_below(state, LARGE_MAX);
  return LARGE_MAX + random_below(state, 6 * MIB);
}

/* Writes or compares a byte of each unit, and the last: pages that nobody touches cost nothing. */
static void fill(struct slot *s, uint64_t *state) {
  s->mark = (unsigned char)(1 + random_below(state, 255));
  for (size_t at = 0; at < s->size; at += UNIT_SIZE) s->p[at] = s->mark;
  if (s->size) s->p[s->size - 1] = s->mark;
}

static bool intact(const struct slot *s, size_t bytes) {
  for (size_t at = 0; at < min_size(s->size, bytes); at += UNIT_SIZE)
    if (s->p[at] != s->mark) return false;
  return bytes < s->size || !s->size || s->p[s->size - 1] == s->mark;
}

/* The first unit, and of all others where fill writes. */
static bool all_zero(const struct slot *s) {
  for (size_t at = UNIT_SIZE; at < s->size; at += UNIT_SIZE)
    if (s->p[at]) return false;
  return all_bytes(s->p, min_size(s->size, UNIT_SIZE), 0) && (!s->size || !s->p[s->size - 1]);
}

static void alloc(struct slot *s, uint64_t *state) {
  bool zeroed = false;
  size_t align = GRAIN << (random_below(state, 4) ? 0 : random_below(state, 19));
  s->size = random_size(state);
  s->p = align == GRAIN ? front_alloc(s->size, &zeroed) : front_alloc_aligned(align, s->size);
  if (!s->p) {
    add_rlx(&nulls, 1);
    return;
  }
  CHECK(!((uintptr_t)s->p & (align - 1)) && front_usable(s->p) >= s->size);
  if (zeroed) CHECK_MSG(all_zero(s), "%zu bytes are not 0", s->size);
  fill(s, state);
}

static void resize(struct slot *s, uint64_t *state) {
  size_t size = random_size(state);
  unsigned char *p = front_resize(s->p, size);
  size_t kept = min_size(s->size, size);
  if (!p) {
    CHECK_MSG(intact(s, s->size), "a refused resize of %zu bytes changes them", s->size);
    return;
  }
  s->p = p;
  CHECK(front_usable(p) >= size);
  CHECK_MSG(intact(s, kept ? kept - 1 : 0), "%zu to %zu bytes lose content", s->size, size);
  s->size = size;
  fill(s, state);
}

static void *steps(void *pointer) {
  struct slot *slots = calloc(SLOTS, sizeof *slots);
  uint64_t state = (uintptr_t)pointer;
  for (int i = 0; i < STEPS && !test_bad; i++) {
    struct slot *s = &slots[random_below(&state, SLOTS)];
    if (!s->p) {
      alloc(s, &state);
    } else if (random_below(&state, 4)) {
      CHECK_MSG(intact(s, s->size), "%zu bytes changed", s->size);
      CHECK(front_free(s->p));
      s->p = NULL;
    } else {
      resize(s, &state);
    }
  }
  for (int i = 0; i < SLOTS; i++) {
    if (!slots[i].p) continue;
    CHECK_MSG(intact(&slots[i], slots[i].size), "%zu bytes changed", slots[i].size);
    CHECK(front_free(slots[i].p));
  }
  free(slots);
  return NULL;
}

static uint64_t recorded(void) {
  return failure_nulls();
}

/* Address space that hakmem rightly keeps: descriptors and leaves. */
static int64_t kept_for_ever(void) {
  size_t leaves = map_leaf_bytes() / sizeof(struct leaf);
  return (int64_t)(count_read(CNT_META_BYTES) + leaves * round_up(sizeof(struct leaf), UNIT_SIZE));
}

/* The system refuses no more: everything is free, checks, can be given back, and serves again. */
static void nothing_is_lost(void) {
  faulty_start(0, 0);
  front_flush();
  CHECK_ALL();
  CHECK_MSG(live_blocks() == 0, "%ld blocks are lost", live_blocks());
  CHECK(count_read(CNT_RUN_BYTES) == 0 && count_read(CNT_HUGE_BYTES) == 0);
  CHECK_MSG(recorded() == nulls, "%lu refusals, %lu recorded", (unsigned long)nulls,
            (unsigned long)recorded());
  steps((void *)7);
  front_flush();
  CHECK_MSG(recorded() == nulls, "refusals go on after the faults");
  keep_drop(0);
  pool_drop_kept(true);
  super_drop_empty(0);
  CHECK_ALL();
  CHECK_MSG(count_read(CNT_UNITS_TAKEN) == count_read(CNT_UNITS_GIVEN), "units are lost");
  CHECK_MSG(count_read(CNT_SUPER_BYTES) == 0, "%lu bytes stay counted as mapped",
            (unsigned long)count_read(CNT_SUPER_BYTES));
  if (!give_back) return;
  CHECK_MSG(faulty_mapped() == kept_for_ever(), "%ld bytes of address space are lost",
            (long)(faulty_mapped() - kept_for_ever()));
}

static void prepare(void) {
  clearenv();
  setenv("HAKMEM_RETAIN", every % 2 ? "1M" : "0", 1);
  setenv("HAKMEM_SS_CACHE", every % 3 ? "1" : "0", 1);
  faulty_start(every, kinds);
}

static void one_thread(void) {
  prepare();
  steps((void *)(uintptr_t)every);
  CHECK_MSG(every > 30 || kinds != FAULT_ALL || faulty_refused() > 0, "no call was refused");
  nothing_is_lost();
}

static void threads(void) {
  pthread_t thread[THREADS];
  prepare();
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, steps, (void *)(every + i * 1000));
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  nothing_is_lost();
}

static void for_every_n(void (*scenario)(void), unsigned which, unsigned most, unsigned step) {
  kinds = which;
  for (every = 1; every <= most && !test_bad; every += step) {
    expect_return(scenario);
    if (test_bad) printf("  (every %u-th call failed, kinds %u)\n", every, kinds);
  }
}

/* As where the count of calls falls so that each munmap but of what is not owed goes well. */
static void many_debts(void) {
  enum { RANGES = 700 };
  size_t page = os_page_size();
  int error;
  char *p = os_map(2 * RANGES * page, &error);
  int64_t before = faulty_mapped();
  faulty_start(2, FAULT_MUNMAP);
  for (int i = 0; i < RANGES; i++) os_discard(p + 2 * (size_t)i * page, page);
  faulty_start(0, 0);
  CHECK(os_unmap(p + page, page)); /* what is owed goes with it */
  CHECK_MSG(before - faulty_mapped() == (int64_t)((RANGES + 1) * page), "%ld bytes went of %zu",
            (long)(before - faulty_mapped()), (RANGES + 1) * page);
}

int main(void) {
  static const struct {
    unsigned kinds;
    const char *promise;
  } rows[] = {
      {FAULT_MMAP, "every n-th mmap fails: content intact, nothing lost"},
      {FAULT_MREMAP, "every n-th mremap fails: content intact, nothing lost"},
      {FAULT_MADVISE, "every n-th madvise fails: content intact, nothing lost"},
      {FAULT_MUNMAP, "every n-th munmap fails: content intact, nothing lost"},
      {FAULT_MUNMAP | FAULT_MADVISE, "every n-th munmap or madvise fails: zeroed is never wrong"},
  };
  test_begin(
      "every n-th system call fails, n from 1 to 200: no crash, content intact, all recorded");
  for_every_n(one_thread, FAULT_ALL, 200, 1);
  test_end();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    test_begin(rows[i].promise);
    for_every_n(one_thread, rows[i].kinds, 30, 1);
    test_end();
  }
  test_begin("so it is for 3 threads at once, born amid the faults");
  for_every_n(threads, FAULT_ALL, 60, 3);
  test_end();
  test_begin("700 ranges whose munmap is refused each second time are all given back");
  expect_return(many_debts);
  test_end();
  give_back = true;
  test_begin(
      "after all these refusals no address space is lost: each mapping can still be given back");
  for_every_n(one_thread, FAULT_MMAP | FAULT_MADVISE | FAULT_MREMAP, 30, 1);
  test_end();
  test_begin("nor is any when munmap is refused too");
  for_every_n(one_thread, FAULT_ALL, 60, 1);
  test_end();
  return test_status();
}
