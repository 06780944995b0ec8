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

/* How far the pages of a fresh slab are there after a first refill beside UNITS units in use. */
static uint32_t high_beside(unsigned units) {
  struct thread *t = thread_self();
  struct units held[2];
  struct refusal why;
  unsigned second = units - SUPER_UNITS;
  uint32_t high = 0;
  unsigned n = 0;
  pool_drop_kept(true);
  purge_down_to(0);
  if (!units_take(SUPER_UNITS, 1, &held[0], &why) || !units_take(second, 1, &held[1], &why))
    return UINT32_MAX;
  next_refill(t, &n);
  if (t->cell[CLASS].slab) high = t->cell[CLASS].slab->high;
  while (n) front_free(block[--n]);
  front_flush();
  units_give(held[1].super, held[1].first, second);
  units_give(held[0].super, held[0].first, SUPER_UNITS);
  return high;
}

static void ahead(void) {
  bool can = brings_pages();
  uint32_t little = high_beside(128 - 2 /* the slab itself is one more */);
  uint32_t enough = high_beside(128);
  test_begin("beyond two full superslabs, 16 KiB of pages come with a slab's first");
  CHECK_MSG(little == 21, "%u blocks of 192 bytes", little);
  CHECK_MSG(enough == (can ? 85 : 21), "%u blocks of 192 bytes", enough);
  CHECK_ALL();
  test_end();
}

int main(void) {
  start_at_base();
  growth();
  ahead();
  return test_status();
}
