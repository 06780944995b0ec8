/* failure - refusals counted by reason and tier, from any thread. */
#include "diag/failure.h"

#include <errno.h>

#include "helpers/box.h"

enum { THREADS = 8, EACH = 20000 };

static const size_t size_of_tier[TIERS] = {100, 30000, 1000000, (size_t)1 << 30};

static void record(int reason, size_t size, size_t bytes, int error) {
  struct failure failure = {.size = size, .bytes = bytes, .error = error};
  failure.reason = (uint8_t)reason;
  failure.tier = (uint8_t)tier_of(size);
  failure_record(&failure);
}

static uint64_t sum_of_counts(void) {
  uint64_t sum = 0;
  for (int r = 0; r < REASONS; r++)
    for (int t = 0; t < TIERS; t++) sum += failure_count(r, t);
  return sum;
}

static void round_trip(void) {
  test_begin("a failure is counted under its reason and tier, and under no other");
  CHECK(sum_of_counts() == 0);
  for (int r = 0; r < REASONS; r++) {
    for (int t = 0; t < TIERS; t++) {
      uint64_t sum = sum_of_counts();
      errno = 77;
      record(r, size_of_tier[t], 4096, ENOMEM);
      CHECK_MSG(errno == 77, "errno is %d", errno);
      CHECK_MSG(failure_count(r, t) == 1 && sum_of_counts() == sum + 1, "reason %d, tier %d", r, t);
    }
  }
  test_end();
}

static void tiers(void) {
  test_begin("the tiers end at 1 KiB, 32 KiB and 2 MiB, and each tier and reason has a name");
  CHECK(tier_of(0) == TIER_TINY && tier_of(1024) == TIER_TINY);
  CHECK(tier_of(1025) == TIER_MID && tier_of(32768) == TIER_MID);
  CHECK(tier_of(32769) == TIER_LARGE && tier_of(2097152) == TIER_LARGE);
  CHECK(tier_of(2097153) == TIER_HUGE && tier_of(SIZE_MAX) == TIER_HUGE);
  CHECK(!strcmp(tier_names[TIER_TINY], "tiny") && !strcmp(tier_names[TIER_HUGE], "huge"));
  CHECK(!strcmp(tier_names[TIER_MID], "mid") && !strcmp(tier_names[TIER_LARGE], "large"));
  CHECK(!strcmp(reason_names[REASON_THRESHOLD], "threshold"));
  CHECK(!strcmp(reason_names[REASON_EXHAUSTION], "exhaustion"));
  CHECK(!strcmp(reason_names[REASON_MAPFAIL], "mapfail"));
  CHECK(!strcmp(reason_names[REASON_OVERFLOW], "overflow"));
  test_end();
}

static void *record_many(void *unused) {
  (void)unused;
  for (int i = 0; i < EACH; i++)
    record(i % REASONS, size_of_tier[i / REASONS % TIERS], 0, 0);
  return NULL;
}

static void threads(void) {
  pthread_t thread[THREADS];
  uint64_t before[REASONS][TIERS];
  test_begin("8 threads that record at once, far more than the ring keeps, lose no count");
  for (int r = 0; r < REASONS; r++)
    for (int t = 0; t < TIERS; t++) before[r][t] = failure_count(r, t);
  for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, record_many, NULL);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  for (int r = 0; r < REASONS; r++)
    for (int t = 0; t < TIERS; t++)
      CHECK_MSG(failure_count(r, t) - before[r][t] == (uint64_t)THREADS * EACH / REASONS / TIERS,
                "reason %d, tier %d: %lu", r, t, (unsigned long)failure_count(r, t));
  test_end();
}

static void ring(void) {
  static struct failure kept[FAILURES_KEPT + 10];
  test_begin("the last 256 failures are kept, the newest first, and read back whole");
  for (size_t i = 0; i < 1000; i++) record(REASON_MAPFAIL, i + 1, i + 2, ENOMEM);
  CHECK(failure_read(kept, 0, FAILURES_KEPT + 10) == FAILURES_KEPT);
  for (size_t i = 0; i < FAILURES_KEPT; i++)
    CHECK_MSG(kept[i].size == 1000 - i && kept[i].bytes == 1001 - i && kept[i].thread,
              "entry %zu is of %lu bytes", i, (unsigned long)kept[i].size);
  CHECK(failure_read(kept, 100, 1) == 1 && kept[0].size == 900);
  test_end();
}

static void *record_pairs(void *unused) {
  (void)unused;
  for (size_t i = 0; i < EACH; i++) record(REASON_MAPFAIL, i + 1, 3 * (i + 1), ENOMEM);
  return NULL;
}

static void torn(void) {
  static struct failure kept[FAILURES_KEPT];
  pthread_t thread[2];
  unsigned long read = 0;
  test_begin("what is read while two threads record is never half of one and half of another");
  for (int i = 0; i < 2; i++) pthread_create(&thread[i], NULL, record_pairs, NULL);
  for (int round = 0; round < 200; round++) {
    unsigned n = failure_read(kept, 0, FAILURES_KEPT);
    for (unsigned i = 0; i < n; i++)
      CHECK_MSG(kept[i].bytes == 3 * kept[i].size || kept[i].bytes == kept[i].size + 1,
                "%lu and %lu", (unsigned long)kept[i].size, (unsigned long)kept[i].bytes);
    read += n;
  }
  for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
  CHECK(read > 0);
  test_end();
}

int main(void) {
  round_trip();
  ring();
  torn();
  tiers();
  threads();
  return test_status();
}
