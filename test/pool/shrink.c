/* shrink - a program that comes down from what it used gives back more, at once. */
#include "helpers/sparse.h"
#include "pool/sparse.h"

#include <time.h>

/* The clock that os asks stands still. */
int clock_gettime(clockid_t id, struct timespec *now) {
  (void)id;
  *now = (struct timespec){1000, 0};
  return 0;
}

/* What decay is told of blocks in use; SLAB lies on its shelf with 10 free pages. */
static void shrinking(void) {
  struct slab *slab;
  uint64_t shrinks = decay_shrinks;
  start("a program that shrinks to a quarter gives free pages of slabs back, of any age", "10000",
        "dontneed");
  option_set("RETAIN", "0");
  slab = shelved_slab(CLASS, 4, 40);
  CHECK(!decay_moved(64 * (ptrdiff_t)MIB) && !decay_moved(-32 * (ptrdiff_t)MIB));
  CHECK(decay_shrinks == shrinks); /* half of it is left */
  CHECK(!decay_moved(-1) && decay_shrinks == shrinks + 1);
  CHECK(!decay_moved(-1) && decay_shrinks == shrinks + 1); /* once for a half */
  CHECK(resident(slab) == UNIT_SIZE);
  CHECK(decay_moved(-17 * (ptrdiff_t)MIB) && decay_shrinks == shrinks + 2);
  decay_shrunk();
  CHECK(resident(slab) == UNIT_SIZE - 10 * 4096 && live_are_intact(slab));
  CHECK(decay_moved(-12 * (ptrdiff_t)MIB)); /* a quarter of that */
  decay_shrunk();
  CHECK(decay_moved(-3 * (ptrdiff_t)MIB + 2)); /* and of that */
  decay_shrunk();
  shrinks = decay_shrinks;
  CHECK(!decay_moved(SHRUNK_LEAST - 1) && !decay_moved(1 - SHRUNK_LEAST));
  CHECK(decay_shrinks == shrinks); /* too little to count */
  give_all(slab);
  test_end();
}

/* As batches do that fill and drain memory in turn. */
static void regrets(void) {
  ptrdiff_t part = SHRUNK_PART;
  start("who needs again within a second what it gave back gives back later the next time",
        "10000", "dontneed");
  for (int round = 0; round < 6; round++) {
    ptrdiff_t rest = 4096 / part * (ptrdiff_t)MIB;
    ptrdiff_t all = 4096 * (ptrdiff_t)MIB;
    CHECK(!decay_moved(all));
    CHECK_MSG(!decay_moved(rest - all), "round %d", round);
    CHECK(!decay_moved(all - rest));
    CHECK_MSG(decay_moved(rest - all - 1), "round %d", round);
    decay_shrunk();
    decay_moved(1 - rest);
    decay_shrunk();
    if (part < SHRUNK_PART << SHRUNK_LATER) part *= 2;
  }
  test_end();
}

/* As an interpreter does that collects what it left: far below its peak, up and down at once. */
static void swings(void) {
  uint64_t shrinks;
  unsigned halvings;
  start("who swings keeps its caches; whoever falls deep then halves them as often at once",
        "10000", "dontneed");
  decay_moved(640 * (ptrdiff_t)MIB);
  decay_moved(-560 * (ptrdiff_t)MIB);
  shrinks = decay_shrinks;
  halvings = decay_halvings;
  for (int round = 0; round < 100; round++) {
    decay_moved(-70 * (ptrdiff_t)MIB);
    decay_moved(70 * (ptrdiff_t)MIB);
  }
  CHECK_MSG(decay_shrinks == shrinks + 1, "%u times", (unsigned)(decay_shrinks - shrinks));
  decay_moved(-77 * (ptrdiff_t)MIB);
  CHECK(decay_shrinks == shrinks + 1); /* 3 of 80 MiB is more than a 32nd */
  decay_moved(-2 * (ptrdiff_t)MIB);
  CHECK_MSG(decay_shrinks == shrinks + 2 && decay_halvings == halvings + 2 * 5, "%u halvings",
            decay_halvings - halvings);
  decay_moved(-(ptrdiff_t)MIB);
  test_end();
}

/* As much may stay as may be retained; half of it, since the other half may still be freed. */
static void shrinking_within(void) {
  enum { KEEP = 2 * 20 * 4096 };
  struct slab *slab[4];
  char retain[32];
  uint64_t bytes = count_read(CNT_SPARSE_BYTES);
  start("of them half of what HAKMEM_RETAIN has left stays; HAKMEM_PURGE=off keeps all", "10000",
        "off");
  for (int i = 0; i < 4; i++) slab[i] = full_slab(CLASS);
  for (int i = 0; i < 4; i++) {
    give(slab[i], 4, 40);
    pool_let_go(slab[i]);
  }
  for (int i = 0; i < 2; i++) {
    snprintf(retain, sizeof retain, "%llu",
             (unsigned long long)(count_read(CNT_RETAINED_BYTES) + KEEP));
    option_set("RETAIN", retain);
    decay_moved(1024 * (ptrdiff_t)MIB);
    CHECK(decay_moved(-1022 * (ptrdiff_t)MIB));
    decay_shrunk();
    decay_moved(-1 * (ptrdiff_t)MIB);
    CHECK(count_read(CNT_SPARSE_BYTES) == bytes + (i ? 2 * 10 * 4096 : 0));
    option_set("PURGE", "dontneed");
  }
  for (int i = 0; i < 4; i++) give_all(slab[i]);
  test_end();
}

int main(void) {
  clearenv();
  option_load();
  shrinking();
  regrets();
  swings();
  shrinking_within();
  return test_status();
}
