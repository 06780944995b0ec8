/* sort - records come in the order of their first word, whole, whatever their number and size. */
#include "base/sort.h"

#include "helpers/box.h"

enum { MOST = 3000, WORDS = SORT_RECORD_MOST / 8 };

static uint64_t records[MOST * WORDS];

/* Each record is its key, then words that follow from it. */
static void fill(size_t n, size_t words, uint64_t keys, uint64_t *state) {
  for (size_t i = 0; i < n; i++) {
    uint64_t key = keys ? random_below(state, keys) : random_next(state);
    for (size_t w = 0; w < words; w++) records[i * words + w] = key * (w + 1);
  }
}

static uint64_t sum(size_t n, size_t words) {
  uint64_t all = 0;
  for (size_t i = 0; i < n; i++) all += records[i * words];
  return all;
}

static void expect_sorted(size_t n, size_t words, uint64_t before) {
  for (size_t i = 0; i < n; i++) {
    const uint64_t *record = records + i * words;
    if (i) CHECK_MSG(record[-(ptrdiff_t)words] <= record[0], "record %zu of %zu", i, n);
    for (size_t w = 1; w < words; w++)
      CHECK_MSG(record[w] == record[0] * (w + 1), "torn at %zu", i);
  }
  CHECK_MSG(sum(n, words) == before, "%zu records are not those that were there", n);
}

int main(void) {
  static const uint64_t keys[] = {0, 1, 10}; /* all different, all the same, many the same */
  uint64_t state = 3;
  test_begin("records of 8 to 64 bytes, 0 to 3,000 of them, are sorted, and stay whole");
  for (size_t words = 1; words <= WORDS; words++) {
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
      for (size_t n = 0; n <= MOST; n = n < 9 ? n + 1 : n * 3) {
        uint64_t before;
        fill(n, words, keys[k], &state);
        before = sum(n, words);
        sort_records(records, n, words * 8);
        expect_sorted(n, words, before);
      }
    }
  }
  test_end();
  test_begin("what is sorted already, or the other way round, is sorted");
  for (size_t i = 0; i < MOST; i++) records[i] = i;
  sort_records(records, MOST, 8);
  for (size_t i = 0; i < MOST; i++) CHECK(records[i] == i);
  for (size_t i = 0; i < MOST; i++) records[i] = UINT64_MAX - i;
  sort_records(records, MOST, 8);
  for (size_t i = 0; i < MOST; i++) CHECK(records[i] == UINT64_MAX - MOST + 1 + i);
  test_end();
  return test_status();
}
