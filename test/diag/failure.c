/* failure - refusals counted by reason and tier, from any thread. */
#include "diag/failure.h"

#include <errno.h>

#include "helpers/box.h"

enum { THREADS = 8, EACH = 20000 };

static const size_t size_of_tier[TIERS] = {100, 30000, 1000000, (size_t)1 << 30};

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
      failure_record(r, size_of_tier[t], 4096, ENOMEM);
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
    failure_record(i % REASONS, size_of_tier[i / REASONS % TIERS], 0, 0);
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

int main(void) {
  round_trip();
  tiers();
  threads();
  return test_status();
}
