/* huge, raced - threads that get, resize and give huge blocks through one cache. */
#include "diag/counter.h"
#include "diag/option.h"
#include "helpers/box.h"
#include "pool/huge.h"
#include "pool/keep.h"
#include "super/purge.h"

enum { THREADS = 3, ROUNDS = 1500000, SECONDS = 45 }; /* whichever comes first */

static const uint64_t BELOW_ZERO = (uint64_t)1 << 60; /* no process has as much */

static long spoilt;
static long below_zero;
static bool done;

static void *watch(void *unused) {
  (void)unused;
  while (!ld_acq(&done))
    if (count_read(CNT_RETAINED_BYTES) > BELOW_ZERO) add_rlx(&below_zero, 1);
  return NULL;
}

static void *get_and_give(void *pointer) {
  uint64_t state = (uintptr_t)pointer;
  struct refusal why;
  double end = now_seconds() + SECONDS;
  for (int i = 0; i < ROUNDS && (i % 64 || now_seconds() < end); i++) {
    bool zeroed;
    size_t size = (3 + random_below(&state, 2)) * MIB;
    uintptr_t *p = huge_get(size, 16, &zeroed, &why);
    if (!p) return (void *)1;
    if (count_read(CNT_RETAINED_BYTES) > BELOW_ZERO) add_rlx(&below_zero, 1);
    if (zeroed && *p) add_rlx(&spoilt, 1);
    *p = (uintptr_t)pointer;
    if (i % 64 == 0) p = huge_resize(p, size + MIB * (i % 128 / 32), &why);
    if (!p || *p != (uintptr_t)pointer || !huge_give(p)) add_rlx(&spoilt, 1);
  }
  return NULL;
}

int main(void) {
  pthread_t thread[THREADS];
  pthread_t watcher;
  void *refused;
  clearenv();
  option_load();
  option_set("RETAIN", "64M");
  pthread_create(&watcher, NULL, watch, NULL);
  test_begin("three threads that share the cache of huge mappings never hold the same block");
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, get_and_give, (void *)(i + 1));
  for (int i = 0; i < THREADS; i++) {
    pthread_join(thread[i], &refused);
    CHECK(!refused);
  }
  st_rel(&done, true);
  pthread_join(watcher, NULL);
  CHECK_MSG(!spoilt, "%ld blocks were another's or not zeroed", spoilt);
  CHECK(keep_check() == 0 && count_read(CNT_HUGE_BYTES) == 0);
  test_end();
  test_begin("when all is dropped at the end nothing is retained or mapped: no count drifts");
  CHECK(count_read(CNT_RETAINED_BYTES) <= count_read(CNT_SUPER_BYTES));
  keep_drop(0);
  CHECK_MSG(!count_read(CNT_RETAINED_BYTES) && !count_read(CNT_SUPER_BYTES),
            "%ld mapped, %ld retained", (long)count_read(CNT_SUPER_BYTES),
            (long)count_read(CNT_RETAINED_BYTES));
  test_end();
  test_begin("the retained bytes are counted before anybody can take them: never below zero");
  CHECK_MSG(!below_zero, "seen below zero %ld times", below_zero);
  test_end();
  return test_status();
}
