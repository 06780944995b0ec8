/* slots - where a magazine lies: near, middle or far, and what a torn one is taken for. */
#include "front/cache.h"

#include "ace/plan.h"
#include "front/front.h"
#include "helpers/caches.h"

enum { CLASS = 10 /* 192 bytes */, MANY = 64 };

static void *block[MANY];

static void moves(void) {
  struct thread *t = fresh_self();
  struct cell *cell = &t->cell[CLASS];
  void **near = t->slots + cell->near;
  void **far = t->slots + cell->far;
  void **top;
  test_begin("a magazine leaves its near slots with its blocks when it outgrows them, and returns");
  CHECK(cell->base == near && cell->start == plan_start(CLASS));
  for (unsigned i = 0; i < cell->start; i++) block[i] = front_alloc(class_size(CLASS), NULL);
  for (unsigned i = 0; i < cell->start; i++) front_free(block[i]);
  CHECK(magazine_blocks(t, CLASS) > 0);
  thread_spread(t, CLASS, MAGAZINE_MIDDLE + 1);
  CHECK(cell->base == far && magazine_blocks(t, CLASS) > 0);
  check_cached_once(t);
  thread_spread(t, CLASS, MAGAZINE_MIDDLE); /* no way back with blocks */
  CHECK(cell->base == far);
  CHECK(live_blocks() == 0);
  thread_gather(t, CLASS); /* not while it has blocks, which might not fit */
  CHECK(cell->base == far);
  top = t->gates.mag[CLASS].top;
  t->gates.mag[CLASS].top = near + 1; /* as a fork sees it that falls into a move */
  CHECK(thread_cached(t, CLASS) == 0);
  t->gates.mag[CLASS].top = thread_middle(t, CLASS) + 1;
  CHECK(thread_cached(t, CLASS) == 0);
  t->gates.mag[CLASS].top = top;
  front_flush();
  CHECK(cell->base == near && t->gates.mag[CLASS].top == near && live_blocks() == 0);
  for (unsigned class = 1; class < CLASSES; class++) {
    t->gates.mag[class].top = t->slots + t->cell[class].far + 1; /* likewise, on its way back */
    CHECK_MSG(thread_cached(t, class) == 0, "class %u", class);
    t->gates.mag[class].top = thread_middle(t, class) + 1;
    CHECK_MSG(thread_cached(t, class) == 0, "class %u", class);
    t->gates.mag[class].top = t->cell[class].base;
  }
  t->gates.mag[CLASS].top = far + 1;
  cell->capacity = 1;
  CHECK(thread_cached(t, CLASS) == 0);
  front_flush();
  CHECK(t->gates.mag[CLASS].top == near);
  CHECK_ALL();
  test_end();
}

/* 1,280 bytes: 25 blocks are 32 KiB, and the most that the class caches while it does not adapt. */
static void goes_no_further(void) {
  enum { MIDDLING = 22, HELD = 25 };
  struct thread *t = fresh_self();
  void **middle = thread_middle(t, MIDDLING);
  test_begin("a magazine of up to 32 blocks stays in its middle slots, beside those of others");
  CHECK(class_size(MIDDLING) == 1280 && class_table[MIDDLING].capacity == HELD);
  for (unsigned i = 0; i < 2 * HELD; i++) block[i] = front_alloc(1280, NULL);
  CHECK(t->cell[MIDDLING].base == middle && (char *)middle < (char *)t + thread_bytes());
  for (unsigned i = 0; i < HELD; i++) front_free(block[i]);
  CHECK(magazine_blocks(t, MIDDLING) >= HELD / 2);
  check_cached_once(t);
  thread_spread(t, MIDDLING, MAGAZINE_MIDDLE + 1);
  CHECK(t->cell[MIDDLING].base == t->slots + t->cell[MIDDLING].far);
  check_cached_once(t);
  for (unsigned i = HELD; i < 2 * HELD; i++) front_free(block[i]);
  front_flush();
  CHECK(t->cell[MIDDLING].base == t->slots + t->cell[MIDDLING].near && live_blocks() == 0);
  CHECK_ALL();
  test_end();
}

int main(void) {
  start_at_base();
  moves();
  goes_no_further();
  return test_status();
}
