/* bits - every operation against a loop that looks at one bit at a time. */
#include "base/bits.h"

#include "helpers/box.h"

static uint64_t random_state = 1;

static uint64_t naive_run_starts(uint64_t w, unsigned n, unsigned width) {
  uint64_t starts = 0;
  for (unsigned i = 0; i + n <= width; i++) {
    bool all = true;
    for (unsigned k = 0; k < n && all; k++) all = w >> (i + k) & 1;
    if (all) starts |= (uint64_t)1 << i;
  }
  return starts;
}

/* Words with runs of all lengths: the AND or OR of a few random ones. */
static uint64_t random_word(void) {
  uint64_t w = random_next(&random_state);
  uint64_t kind = random_below(&random_state, 6);
  for (uint64_t i = 0; i < kind; i++) {
    uint64_t more = random_next(&random_state);
    w = kind % 2 ? w | more : w & more;
  }
  return w;
}

static void run_starts(void) {
  test_begin("bit_run_starts finds exactly the runs of every word of 14 bits, low or high");
  for (uint64_t w = 0; w < 1 << 14; w++) {
    for (unsigned n = 1; n <= 15; n++) {
      uint64_t expected = naive_run_starts(w, n, 14);
      CHECK_MSG(bit_run_starts(w, n) == expected, "word %#lx, %u in a row", (unsigned long)w, n);
      CHECK_MSG(bit_run_starts(w << 50, n) == expected << 50, "high %#lx, %u", (unsigned long)w, n);
    }
  }
  test_end();
  test_begin("bit_run_starts finds exactly the runs of random words, and of all ones");
  for (int i = 0; i < 20000; i++) {
    uint64_t w = i ? random_word() : ~(uint64_t)0;
    for (unsigned n = 1; n <= 64; n += i < 100 ? 1 : 7)
      CHECK_MSG(bit_run_starts(w, n) == naive_run_starts(w, n, 64), "%#lx, %u", (unsigned long)w,
                n);
  }
  test_end();
}

static void spans(void) {
  test_begin("bit_span sets exactly the bits from..from+n-1, for every pair");
  for (unsigned from = 0; from < 64; from++) {
    for (unsigned n = 1; from + n <= 64; n++) {
      uint64_t expected = 0;
      for (unsigned i = from; i < from + n; i++) expected |= (uint64_t)1 << i;
      CHECK_MSG(bit_span(from, n) == expected, "from %u, %u bits", from, n);
    }
  }
  test_end();
}

static void single_bits(void) {
  test_begin("bit_lowest, bit_highest and bit_count agree with a walk over the bits");
  for (int i = 0; i < 20000; i++) {
    uint64_t w = i < 64 ? (uint64_t)1 << i : random_word();
    unsigned n = 0;
    unsigned low = 64;
    unsigned high = 0;
    for (unsigned b = 0; b < 64; b++) {
      if (!(w >> b & 1)) continue;
      n++;
      high = b;
      if (low == 64) low = b;
    }
    CHECK_MSG(bit_count(w) == n, "count of %#lx", (unsigned long)w);
    if (w) CHECK_MSG(bit_lowest(w) == low && bit_highest(w) == high, "%#lx", (unsigned long)w);
  }
  CHECK(bit_count(0) == 0);
  test_end();
}

static void rounding(void) {
  test_begin("round_up gives the next multiple, is_power_of_two exactly the powers");
  for (size_t n = 0; n <= 5000; n++) {
    bool power = n == 1;
    for (size_t p = 2; p <= n; p *= 2) power |= p == n;
    CHECK_MSG(is_power_of_two(n) == power, "%zu", n);
    for (size_t to = 1; to <= 4096; to *= 2) {
      size_t up = round_up(n, to);
      CHECK_MSG(up % to == 0 && up >= n && up - n < to, "%zu to %zu gives %zu", n, to, up);
    }
  }
  for (unsigned i = 0; i < 64; i++) CHECK(is_power_of_two((size_t)1 << i));
  CHECK(!is_power_of_two(SIZE_MAX) && round_up(SIZE_MAX - 4095, 4096) == SIZE_MAX - 4095);
  test_end();
  test_begin("min_size and max_size order any two sizes");
  CHECK(min_size(1, SIZE_MAX) == 1 && min_size(SIZE_MAX, 1) == 1 && min_size(7, 7) == 7);
  CHECK(max_size(1, SIZE_MAX) == SIZE_MAX && max_size(SIZE_MAX, 1) == SIZE_MAX);
  test_end();
}

int main(void) {
  run_starts();
  spans();
  single_bits();
  rounding();
  return test_status();
}
