/* limiter - which events of a cause are written, and how many are said to be left out. */
#include "diag/limiter.h"

#include "helpers/box.h"

enum { THREADS = 4, EACH = 250000 };

static void first_then_powers(void) {
  struct limiter limiter = {0};
  uint64_t suppressed = 99;
  test_begin("the first ten events are written, then each power of two and no other");
  for (uint64_t n = 1; n <= 1 << 17; n++) {
    bool due = n <= 10 || (n & (n - 1)) == 0;
    CHECK_MSG(limiter_pass(&limiter, &suppressed) == due, "event %llu", (unsigned long long)n);
    CHECK_MSG(due || suppressed == 0, "event %llu is not due", (unsigned long long)n);
  }
  test_end();
}

static void exact_numbers(void) {
  static const uint64_t expected[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 15, 31, 63};
  struct limiter limiter = {0};
  uint64_t suppressed;
  unsigned line = 0;
  test_begin("event 16 says that 5 were left out, 32 that 15 were, 64 that 31 were");
  for (int n = 1; n <= 128; n++) {
    if (!limiter_pass(&limiter, &suppressed)) continue;
    CHECK_MSG(suppressed == expected[line], "line %u, event %d: %llu", line, n,
              (unsigned long long)suppressed);
    line++;
  }
  CHECK(line == 14);
  test_end();
}

static void adds_up(void) {
  struct limiter limiter = {0};
  uint64_t written = 0;
  uint64_t left_out = 0;
  test_begin("lines and what they left out add up to all events; a million write 26 lines");
  for (uint64_t n = 1; n <= 1000000; n++) {
    uint64_t suppressed;
    if (!limiter_pass(&limiter, &suppressed)) continue;
    written++;
    left_out += suppressed;
    CHECK_MSG(written + left_out == n, "at event %llu", (unsigned long long)n);
  }
  CHECK_MSG(written == 26, "%llu lines", (unsigned long long)written);
  test_end();
}

static struct limiter shared;
static uint64_t passes, sum; /* of all threads, atomically */

static void *pass_many(void *unused) {
  for (int i = 0; i < EACH; i++) {
    uint64_t suppressed;
    if (!limiter_pass(&shared, &suppressed)) continue;
    __atomic_fetch_add(&passes, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&sum, suppressed + 1, __ATOMIC_RELAXED);
  }
  return unused;
}

static void from_threads(void) {
  pthread_t thread[THREADS];
  test_begin("events of several threads are limited together, and none is lost");
  for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, pass_many, NULL);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  CHECK(shared.events == (uint64_t)THREADS * EACH);
  CHECK_MSG(passes == 26 && sum == 524288, "%llu lines, for %llu events",
            (unsigned long long)passes, (unsigned long long)sum);
  test_end();
}

int main(void) {
  first_then_powers();
  exact_numbers();
  adds_up();
  from_threads();
  return test_status();
}
