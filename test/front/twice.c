/* twice - a block that a flush returns twice is named, also where its superslab went in between. */
#include "front/cache.h"
#include "helpers/box.h"

enum { CLASS = CLASSES - 1 /* 256 KiB */, BLOCKS = SUPER_SIZE / CLASS_MAX, TAKEN = 4 * BLOCKS };

static void *all[TAKEN];
static void *back[BLOCKS + 1];

/* All blocks of a superslab that holds no others, in the order of their addresses. */
static void take_a_superslab(struct thread *t) {
  struct refusal why;
  unsigned n = 0;
  for (unsigned i = 0; i < TAKEN; i++) CHECK(cache_issue(t, CLASS, &all[i], 1, &why) == 1);
  cache_let_go(t, CLASS);
  for (unsigned i = 0; i < TAKEN; i++)
    if (map_super(all[i]) == map_super(all[TAKEN / 2])) back[n++] = all[i];
  CHECK_MSG(n == BLOCKS, "%u blocks", n);
}

static void return_twice(unsigned twin) {
  struct thread *t = thread_self();
  take_a_superslab(t);
  back[BLOCKS] = back[twin];
  cache_return(t, CLASS, back, BLOCKS + 1);
}

static void lowest(void) { return_twice(0); }
static void another(void) { return_twice(5); }

/* No row and no span: one by one, or sorted. */
static void shuffled(void) {
  struct thread *t = thread_self();
  uint64_t state = 3;
  take_a_superslab(t);
  shuffle(back, BLOCKS, &state);
  cache_return(t, CLASS, back, BLOCKS);
  CHECK(!map_super(back[0]));
  cache_return(t, CLASS, back, 2);
}

int main(void) {
  setenv("HAKMEM_SS_CACHE", "0", 1);
  setenv("HAKMEM_RETAIN", "0", 1);
  thread_self();
  test_begin("a block returned twice is named also where its superslab has gone meanwhile");
  expect_abort(lowest, "double free");
  expect_abort(another, "double free");
  expect_abort(shuffled, "double free");
  test_end();
  return test_status();
}
