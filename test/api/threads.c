/* threads - a thread's end returns everything it held: 100,000 of them leave memory flat. */
#include "api.h"

#include <pthread.h>

#define WARM 20000 /* until the units in use have touched all the pages that they will */
#define RETAINED (16 * MIB) /* what hakmem may keep by default */
#define THREADS 100000
#define BLOCKS 40
#define KEPT 4 /* blocks of each thread that the main thread frees */

struct work {
  uint64_t seed;
  void *kept[KEPT];
};

/* Allocates, frees half here, leaves some to the main thread; all sizes of the classes. */
static void *short_life(void *argument) {
  struct work *work = argument;
  void *blocks[BLOCKS];
  for (size_t i = 0; i < BLOCKS; i++) {
    size_t n = (size_t)1 << (api_random(&work->seed) % 15);
    n += (size_t)(api_random(&work->seed) % n);
    blocks[i] = opaque_ptr(malloc(opaque(n)));
    if (!blocks[i]) return work;
    memset(blocks[i], 0x5A, n < 64 ? n : 64);
  }
  for (size_t i = 0; i < KEPT; i++) work->kept[i] = blocks[i];
  for (size_t i = KEPT; i < BLOCKS; i++) free(blocks[i]);
  return NULL;
}

/* Runs COUNT threads, at most four at a time. */
static void run(size_t count) {
  static struct work work[4];
  for (size_t done = 0; done < count; done += COUNT_OF(work)) {
    pthread_t threads[COUNT_OF(work)];
    for (size_t i = 0; i < COUNT_OF(work); i++) {
      work[i].seed = done + i + 1;
      if (pthread_create(&threads[i], NULL, short_life, &work[i]) != 0) {
        test_fail("no thread after %zu", done);
        exit(test_status());
      }
    }
    for (size_t i = 0; i < COUNT_OF(work); i++) {
      void *failed = NULL;
      pthread_join(threads[i], &failed);
      CHECK_MSG(!failed, "a thread got no memory after %zu threads", done);
      for (size_t k = 0; k < KEPT; k++) free(work[i].kept[k]);
    }
  }
}

static void many_short(void) {
  size_t start = api_resident(), before, after;
  test_begin("100,000 short-lived threads leave resident memory flat, and within what is retained");
  run(WARM);
  before = api_resident();
  run(THREADS - WARM);
  after = api_resident();
  CHECK_MSG(after <= before + 4 * MIB, "%zu KiB after 20,000 threads, %zu KiB after 100,000",
            before / KIB, after / KIB);
  CHECK_MSG(after <= start + RETAINED, "%zu KiB at the start, %zu KiB after 100,000", start / KIB,
            after / KIB);
  test_end();
}

static void *hold_much(void *unused) {
  static __thread void *blocks[4000];
  for (size_t i = 0; i < COUNT_OF(blocks); i++)
    memset(blocks[i] = opaque_ptr(malloc(opaque(4 * KIB))), 1, 4 * KIB);
  for (size_t i = 0; i < COUNT_OF(blocks); i++) free(blocks[i]);
  return unused;
}

/* Each thread has 16 MiB alive at its peak; one after the other they need it once. */
static void much_each(void) {
  size_t before = 0, after;
  test_begin("50 threads in turn, 16 MiB each at its peak, reuse each other's memory");
  for (int i = 0; i < 50; i++) {
    pthread_t thread;
    if (i == 2) before = api_resident();
    CHECK(pthread_create(&thread, NULL, hold_much, NULL) == 0);
    pthread_join(thread, NULL);
  }
  after = api_resident();
  CHECK_MSG(after <= before + 8 * MIB, "%zu KiB after 2 threads, %zu KiB after 50", before / KIB,
            after / KIB);
  test_end();
}

#define PIPE 4096

static void *passed[PIPE];

static void *produce(void *unused) {
  for (size_t i = 0; i < PIPE; i++)
    memset(passed[i] = opaque_ptr(malloc(opaque(1 + i % 3000))), 2, 1 + i % 3000);
  return unused;
}

static void *consume(void *unused) {
  for (size_t i = 0; i < PIPE; i++) free(passed[i]);
  return unused;
}

/* Blocks whose owner has ended are freed by a thread that never allocates. */
static void orphans(void) {
  size_t before = 0, after;
  test_begin("blocks of ended threads, freed by threads that never allocate, are reused");
  for (int i = 0; i < 200; i++) {
    pthread_t thread;
    if (i == 20) before = api_resident();
    CHECK(pthread_create(&thread, NULL, produce, NULL) == 0);
    pthread_join(thread, NULL);
    CHECK(pthread_create(&thread, NULL, consume, NULL) == 0);
    pthread_join(thread, NULL);
  }
  after = api_resident();
  CHECK_MSG(after <= before + 8 * MIB, "%zu KiB, then %zu KiB", before / KIB, after / KIB);
  test_end();
}

int main(void) {
  api_served();
  many_short();
  much_each();
  orphans();
  return api_close();
}
