/* growth - how much fresh memory a class takes at a time, the longer it only grows. */
#include "front/front.h"
#include "helpers/caches.h"
#include "super/purge.h"

enum { CLASS = 10 /* 192 bytes */, MANY = 2000 };

static void *block[MANY];

/* Empties the magazine of CLASS and refills it. Returns how many blocks the refill took. */
static unsigned next_refill(struct thread *t, unsigned *n) {
  while (magazine_blocks(t, CLASS)) block[(*n)++] = front_alloc(class_size(CLASS), NULL);
  block[(*n)++] = front_alloc(class_size(CLASS), NULL);
  return magazine_blocks(t, CLASS) + 1;
}

static void growth(void) {
  static const unsigned takes[] = {21, 21, 21, 21, 21, 21, 21, 21, 42, 42, 42, 42,
                                   5 /* the slab's end */, 64, 64, 64, 85, 64, 85};
  struct thread *t = thread_self();
  unsigned n = 0;
  test_begin("a class that only grows takes up to four pages at once, until a flush");
  pool_drop_kept(true);
  purge_down_to(0);
  CHECK(class_size(CLASS) == 192 && class_table[CLASS].blocks == 341);
  for (unsigned i = 0; i < sizeof takes / sizeof *takes; i++) {
    unsigned took = next_refill(t, &n);
    CHECK_MSG(took == takes[i], "refill %u took %u, not %u", i, took, takes[i]);
  }
  CHECK(t->cell[CLASS].grown == sizeof takes / sizeof *takes);
  for (unsigned i = 0; i < 300; i++) front_free(block[--n]);
  CHECK(t->cell[CLASS].grown == 0);
  t->cell[CLASS].grown = 200;
  next_refill(t, &n);
  CHECK_MSG(t->cell[CLASS].grown == 0, "a refill of blocks that were in use before is no growth");
  while (n) front_free(block[--n]);
  front_flush();
  CHECK_ALL();
  test_end();
}

int main(void) {
  start_at_base();
  growth();
  return test_status();
}
