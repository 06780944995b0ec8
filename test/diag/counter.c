/* counter - sums that miss nothing, and names that find them. */
#include "diag/counter.h"

#include "helpers/box.h"

enum { THREADS = 8, STEPS = 100000 };

static struct tally tallies[THREADS];

static void round_trip(void) {
  test_begin("what was counted is read, what was counted down is gone");
  for (int i = 0; i < COUNTERS; i++) {
    uint64_t before = count_read(i);
    count_any(i, 5);
    count_any(i, (uint64_t)1 << 40);
    CHECK(count_read(i) == before + 5 + ((uint64_t)1 << 40));
    count_down_any(i, (uint64_t)1 << 40);
    CHECK(count_read(i) == before + 5);
    count_down_any(i, 5);
  }
  for (int i = 0; i < COUNTERS; i++) CHECK_MSG(count_read(i) == 0, "%s", counter_table[i].name);
  test_end();
}

static bool is_complete(const struct counter_row *row) {
  return strchr(row->name, '.') && *row->unit && *row->doc;
}

static const char *name_of(int i) {
  return i < COUNTERS ? counter_table[i].name : tally_table[i - COUNTERS].name;
}

static void table(void) {
  test_begin("every row has a name ROOM.WHAT of its own, a unit and a line of doc");
  for (int i = 0; i < COUNTERS; i++) CHECK_MSG(is_complete(&counter_table[i]), "counter %d", i);
  for (int i = 0; i < TALLIES; i++) CHECK_MSG(is_complete(&tally_table[i]), "tally %d", i);
  for (int i = 0; i < COUNTERS + TALLIES; i++)
    for (int k = 0; k < i; k++) CHECK_MSG(strcmp(name_of(i), name_of(k)) != 0, "%s", name_of(i));
  test_end();
  test_begin("every row of both tables is found by its name, and nothing else is");
  for (int i = 0; i < COUNTERS; i++) count_any(i, 1000 + (uint64_t)i);
  tally_register_any(&tallies[0]);
  for (int i = 0; i < TALLIES; i++) tally_own(&tallies[0], i, 5000 + (uint64_t)i);
  for (int i = 0; i < COUNTERS + TALLIES; i++) {
    uint64_t value = 0;
    uint64_t expected = i < COUNTERS ? 1000 + (uint64_t)i : 5000 + (uint64_t)(i - COUNTERS);
    CHECK_MSG(counter_find(name_of(i), &value) && value == expected, "%s is %lu", name_of(i),
              (unsigned long)value);
  }
  {
    static const char *const wrong[] = {"", "super", "super.mapped ", "super.mappe",
                                        "SUPER.MAPPED"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
      uint64_t value = 42;
      CHECK_MSG(!counter_find(wrong[i], &value) && value == 42, "'%s'", wrong[i]);
    }
  }
  test_end();
}

static void *count_much(void *pointer) {
  struct tally *tally = pointer;
  tally_register_any(tally);
  for (int i = 0; i < STEPS; i++) {
    count_any(CNT_SUPER_MAPPED, 3);
    count_any(CNT_HUGE_BYTES, 10);
    count_down_any(CNT_HUGE_BYTES, 10);
    tally_own(tally, TLY_REFILLS, 1);
    tally_own(tally, TLY_BLOCKS_FLUSHED, 7);
  }
  return NULL;
}

static void threads(void) {
  pthread_t thread[THREADS];
  uint64_t mapped = count_read(CNT_SUPER_MAPPED);
  uint64_t bytes = count_read(CNT_HUGE_BYTES);
  uint64_t refills = tally_read(TLY_REFILLS);
  uint64_t flushed = tally_read(TLY_BLOCKS_FLUSHED);
  static struct tally own[THREADS];
  test_begin("8 threads that count at once, and register their tallies at once, lose nothing");
  for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, count_much, &own[i]);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  CHECK(count_read(CNT_SUPER_MAPPED) == mapped + 3ul * THREADS * STEPS);
  CHECK(count_read(CNT_HUGE_BYTES) == bytes);
  CHECK_MSG(tally_read(TLY_REFILLS) == refills + (uint64_t)THREADS * STEPS, "%lu refills",
            (unsigned long)tally_read(TLY_REFILLS));
  CHECK(tally_read(TLY_BLOCKS_FLUSHED) == flushed + 7ul * THREADS * STEPS);
  test_end();
}

int main(void) {
  round_trip();
  table();
  threads();
  return test_status();
}
