/* run - large blocks of whole units: content, alignment, resizing in place, and double frees. */
#include "pool/run.h"

#include <sched.h>

#include "diag/counter.h"
#include "diag/option.h"
#include "helpers/box.h"
#include "os/map.h"
#include "os/process.h"
#include "pool/habit.h"
#include "super/purge.h"

enum { RUNS = 60 };

static uint64_t state = 11;
static struct refusal why;
static char *run[RUNS];
static unsigned char mark[RUNS];

static void fill(int i) {
  size_t bytes = run_size(run[i]);
  mark[i] = (unsigned char)(1 + random_below(&state, 255));
  for (size_t at = 0; at < bytes; at += 4096) run[i][at] = (char)mark[i];
  run[i][bytes - 1] = (char)mark[i];
}

/* Is the content of the first BYTES still there? */
static bool holds(int i, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 4096)
    if (run[i][at] != (char)mark[i]) return false;
  return true;
}

static void round_trip(void) {
  bool zeroed = true;
  test_begin("a run is large enough, tagged at its first unit alone, and gone when given back");
  for (size_t size = 0; size <= LARGE_MAX; size += size < 3 * UNIT_SIZE ? 1021 : 40961) {
    char *p = run_get(size, 16, &zeroed, &why);
    CHECK_MSG(p && run_size(p) >= size && run_size(p) < size + UNIT_SIZE + !size, "%zu bytes",
              size);
    CHECK(map_tag(p) == TAG_RUN && (run_size(p) == UNIT_SIZE || map_tag(p + UNIT_SIZE) == 0));
    CHECK(count_read(CNT_RUN_BYTES) == run_size(p) && run_check() == 0);
    p[0] = p[run_size(p) - 1] = 1;
    CHECK(run_give(p) && map_tag(p) == 0 && count_read(CNT_RUN_BYTES) == 0);
  }
  CHECK(count_read(CNT_RUNS_TAKEN) == count_read(CNT_RUNS_GIVEN) && super_check() == 0);
  test_end();
}

static void alignments(void) {
  bool zeroed = true;
  test_begin("a run starts at a multiple of any alignment up to 2 MiB");
  for (size_t align = 16; align <= LARGE_MAX; align *= 2) {
    char *p[3];
    for (int i = 0; i < 3; i++) {
      p[i] = run_get(1 + random_below(&state, LARGE_MAX), align, &zeroed, &why);
      CHECK_MSG(p[i] && !((uintptr_t)p[i] & (align - 1)), "%p at %zu", (void *)p[i], align);
    }
    for (int i = 0; i < 3; i++) CHECK(run_give(p[i]));
  }
  CHECK(run_check() == 0 && super_check() == 0);
  test_end();
}

static void zeros(void) {
  bool zeroed = true;
  test_begin("a run of which zeros are wanted is zeroed, also after it was written and freed");
  for (int i = 0; i < 300; i++) {
    size_t size = 1 + random_below(&state, LARGE_MAX);
    char *p = run_get(size, 16, &zeroed, &why);
    CHECK(all_bytes(p, size, 0));
    memset(p, 0xff, size);
    CHECK(run_give(p));
    if (i % 7 == 0) purge_down_to(0);
  }
  test_end();
}

/* Is a run of 1 MiB, of fresh pages, resident before it is touched? Of its pages TOUCHED are then
 * written to, and it is given back. */
static bool populated(bool zeros, size_t touched) {
  char *p;
  bool all;
  purge_down_to(0);
  p = run_get(MIB, 16, &zeros, &why);
  all = os_resident_end(p, MIB) == MIB && os_resident_mostly(p, MIB);
  CHECK(all || os_resident_end(p, MIB) == 0);
  CHECK(all_bytes(p, all ? MIB : 4096, 0)); /* reading shows the kernel's page of zeros */
  memset(p, 1, touched);
  CHECK(run_give(p));
  return all;
}

static void expected(void) {
  int in_a_row = 0;
  test_begin("fresh zeros are populated where runs like them came back full, not where sparse");
  while (habit_full(MIB)) {
  }
  CHECK(!populated(true, 4096));
  for (int i = 0; i < 5; i++) populated(true, MIB);
  CHECK(populated(true, MIB) && !populated(false, MIB));
  while (populated(true, MIB)) in_a_row++;
  CHECK_MSG(in_a_row > 0 && in_a_row <= HABIT_MOST, "%d", in_a_row);
  while (habit_full(MIB)) {
  }
  for (int i = 0; i < 5; i++) CHECK(!populated(true, 4096));
  test_end();
}

static void partly_stale(void) {
  bool zeroed = true;
  char *p;
  char *q;
  size_t size = 7 * UNIT_SIZE + 100;
  test_begin("of a run some of whose units are stale all is zero and resident, but nothing behind");
  purge_down_to(0);
  p = run_get(4 * UNIT_SIZE, 8 * UNIT_SIZE, &zeroed, &why);
  q = run_get(4 * UNIT_SIZE, 16, &zeroed, &why);
  CHECK(q == p + 4 * UNIT_SIZE && run_give(q));
  purge_down_to(0);
  memset(p, 5, 4 * UNIT_SIZE);
  CHECK(run_give(p) && run_get(size, 16, &zeroed, &why) == p);
  CHECK(os_resident_mostly(p, size) && os_resident_end(p, 8 * UNIT_SIZE) ==
                                           round_up(size, os_page_size()));
  CHECK(all_bytes(p, size, 0) && run_give(p));
  test_end();
}

static void resize(int i) {
  size_t old = run_size(run[i]);
  size_t size = 1 + random_below(&state, LARGE_MAX);
  bool done = run_resize(run[i], size);
  size_t now = run_size(run[i]);
  CHECK_MSG(done || size > old, "shrinking from %zu to %zu is refused", old, size);
  CHECK_MSG(done ? now >= size && now < size + UNIT_SIZE : now == old, "%zu to %zu: %zu", old, size,
            now);
  CHECK_MSG(holds(i, now < old ? now : old), "the content of %zu bytes changed", old);
  fill(i);
}

static void random_steps(void) {
  bool zeroed = true;
  test_begin("runs keep their content through 6,000 random gets, gives and resizes in place");
  for (int k = 0; k < 6000 && !test_bad; k++) {
    int i = (int)random_below(&state, RUNS);
    if (!run[i]) {
      run[i] = run_get(1 + random_below(&state, LARGE_MAX / 4), 16, &zeroed, &why);
      CHECK(run[i]);
      fill(i);
    } else if (random_below(&state, 2)) {
      resize(i);
    } else {
      CHECK_MSG(holds(i, run_size(run[i])), "a run changed");
      CHECK(run_give(run[i]));
      run[i] = NULL;
    }
    if (k % 100 == 0) CHECK(run_check() == 0 && super_check() == 0);
  }
  for (int i = 0; i < RUNS; i++) CHECK(!run[i] || run_give(run[i]));
  CHECK(count_read(CNT_RUN_BYTES) == 0 && run_check() == 0 && super_check() == 0);
  CHECK(count_read(CNT_UNITS_TAKEN) == count_read(CNT_UNITS_GIVEN));
  test_end();
}

static void neighbours(void) {
  bool zeroed = true;
  char *p = run_get(4 * UNIT_SIZE, UNIT_SIZE, &zeroed, &why);
  char *q;
  test_begin("a run grows into free units, not into its neighbour, and shrinking frees its end");
  CHECK(run_resize(p, 2 * UNIT_SIZE) && run_size(p) == 2 * UNIT_SIZE);
  q = run_get(2 * UNIT_SIZE, UNIT_SIZE, &zeroed, &why);
  CHECK_MSG(q == p + 2 * UNIT_SIZE, "%p after %p", (void *)q, (void *)p);
  q[0] = 5;
  CHECK(!run_resize(p, 3 * UNIT_SIZE) && run_size(p) == 2 * UNIT_SIZE && run_check() == 0);
  CHECK(run_give(q) && run_resize(p, 3 * UNIT_SIZE) && run_size(p) == 3 * UNIT_SIZE);
  CHECK(!run_resize(p, SUPER_SIZE + 1) && run_check() == 0);
  CHECK(run_give(p));
  test_end();
}

/* A slab that is carved there purges its pages up to where they were touched. */
static void touched(void) {
  bool zeroed = true;
  struct superslab *super;
  unsigned first;
  char *p;
  test_begin("of the units into which a run grew all pages count as touched");
  purge_down_to(0);
  p = run_get(2 * UNIT_SIZE, 8 * UNIT_SIZE, &zeroed, &why);
  super = map_super(p);
  first = unit_of(p);
  CHECK(units_touched(super, first, 2) == 2 * UNIT_SIZE && super->touched[first + 2] == 0);
  CHECK(run_resize(p, 5 * UNIT_SIZE) && units_touched(super, first, 5) == 5 * UNIT_SIZE);
  CHECK(run_give(p) && units_touched(super, first, 5) == 5 * UNIT_SIZE);
  test_end();
}

static void double_frees(void) {
  bool zeroed = true;
  char *p = run_get(3 * UNIT_SIZE, 16, &zeroed, &why);
  test_begin("a run is given back once; a second time, or from its middle, is refused");
  CHECK(!run_give(p + 16) && !run_give(p + UNIT_SIZE) && !run_give(p + 1));
  CHECK(run_give(p) && !run_give(p) && super_check() == 0 && run_check() == 0);
  test_end();
}

/* --- two threads that free the same run at the same moment --- */

static char *shared;
static unsigned round_begun;
static unsigned round_done;
static long winners;

static void wait_for(unsigned *word, unsigned value) {
  for (unsigned spins = 0; ld_acq(word) != value; spins++)
    if (spins % 1024 == 1023) sched_yield();
}

static void *free_shared(void *rounds) {
  for (unsigned k = 1; k <= (uintptr_t)rounds; k++) {
    wait_for(&round_begun, k);
    if (run_give(shared)) add_rlx(&winners, 1);
    st_rel(&round_done, k);
  }
  return NULL;
}

static void double_frees_at_once(void) {
  enum { ROUNDS = 200000 };
  pthread_t thread;
  bool zeroed = true;
  test_begin("of two threads that free the same run at once, exactly one may");
  pthread_create(&thread, NULL, free_shared, (void *)ROUNDS);
  for (unsigned k = 1; k <= ROUNDS; k++) {
    shared = run_get(UNIT_SIZE, 16, &zeroed, &why);
    winners = 0;
    st_rel(&round_begun, k);
    if (run_give(shared)) add_rlx(&winners, 1);
    wait_for(&round_done, k);
    CHECK_MSG(winners == 1, "%ld may", winners);
  }
  pthread_join(thread, NULL);
  CHECK(super_check() == 0);
  test_end();
}

static void check_can_fail(void) {
  bool zeroed = true;
  char *p = run_get(3 * UNIT_SIZE, 16, &zeroed, &why);
  struct superslab *super = map_super(p);
  unsigned first = unit_of(p);
  test_begin("run_check sees a length beyond the units held, a length of 0 and a wrong head");
  super->length[first] = 70;
  CHECK_REPORTS(run_check, "run");
  super->length[first] = 0;
  CHECK_REPORTS(run_check, "run");
  super->length[first] = 3;
  super->head[first]++;
  CHECK_REPORTS(run_check, "run");
  super->head[first]--;
  CHECK(run_check() == 0 && run_give(p));
  test_end();
}

int main(void) {
  clearenv();
  option_load();
  round_trip();
  alignments();
  zeros();
  expected();
  partly_stale();
  random_steps();
  neighbours();
  touched();
  double_frees();
  double_frees_at_once();
  check_can_fail();
  return test_status();
}
