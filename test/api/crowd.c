/* crowd - what many threads cost that each allocate and free 1 MiB: those that end, and those that
 * then sleep. Stacks and libc's own part of a thread are measured and taken off. */
#include "api.h"

#include <pthread.h>

enum { ENDED = 10000, AT_ONCE = 4, SLEEPERS = 2000, SMALL = 3000 };

static pthread_attr_t attributes;
static pthread_barrier_t asleep, awake;

static void one_block(void) {
  char *p = malloc(opaque(MIB));
  memset(p, 1, MIB);
  free(p);
}

/* The same in blocks of random sizes up to 700 bytes. */
static void small_blocks(uint64_t seed) {
  void *block[SMALL];
  for (size_t i = 0; i < SMALL; i++) {
    size_t n = (size_t)(api_random(&seed) % 700);
    block[i] = memset(malloc(opaque(n)), 1, n);
  }
  for (size_t i = 0; i < SMALL; i++) free(block[i]);
}

static void *ends(void *number) {
  one_block();
  small_blocks((uintptr_t)number + 1);
  return NULL;
}

static void *sleeps(void *works) {
  if (works) one_block();
  pthread_barrier_wait(&asleep);
  pthread_barrier_wait(&awake);
  return NULL;
}

static int run_ended(size_t count) {
  pthread_t thread[AT_ONCE];
  for (size_t i = 0; i < count; i += AT_ONCE) {
    for (size_t k = 0; k < AT_ONCE; k++)
      if (pthread_create(&thread[k], &attributes, ends, (void *)(i + k)) != 0) return 0;
    for (size_t k = 0; k < AT_ONCE; k++) pthread_join(thread[k], NULL);
  }
  return 1;
}

static void those_that_end(void) {
  size_t before, after;
  test_begin("10,000 threads that allocate and free 2 MiB each and end leave RSS where it was");
  CHECK(run_ended(200)); /* what is kept for reuse is there */
  before = api_resident();
  CHECK(run_ended(ENDED));
  after = api_resident();
  printf("# %zu KiB before, %zu after\n", before / KIB, after / KIB);
  CHECK_MSG(after <= before + 4 * MIB, "%zu KiB became %zu", before / KIB, after / KIB);
  test_end();
}

/* Resident bytes that 2,000 sleeping threads add. */
static size_t asleep_bytes(int work) {
  static pthread_t thread[SLEEPERS];
  size_t before = api_resident(), added;
  pthread_barrier_init(&asleep, NULL, SLEEPERS + 1);
  pthread_barrier_init(&awake, NULL, SLEEPERS + 1);
  for (size_t i = 0; i < SLEEPERS; i++)
    if (pthread_create(&thread[i], &attributes, sleeps, work ? thread : NULL) != 0) exit(2);
  pthread_barrier_wait(&asleep);
  added = api_resident() - before;
  pthread_barrier_wait(&awake);
  for (size_t i = 0; i < SLEEPERS; i++) pthread_join(thread[i], NULL);
  return added;
}

static void those_that_sleep(void) {
  size_t libcs, all, each;
  test_begin("2,000 threads that allocated and freed a block of 1 MiB, and sleep: 64 KiB each");
  libcs = asleep_bytes(0);
  all = asleep_bytes(1);
  each = all > libcs ? (all - libcs) / SLEEPERS : 0;
  printf("# %zu KiB each, of which libc's %zu\n", all / SLEEPERS / KIB, libcs / SLEEPERS / KIB);
  CHECK_MSG(each <= 64 * KIB, "%zu bytes each", each);
  test_end();
}

int main(void) {
  alarm(200);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 * KIB);
  api_served();
  those_that_sleep();
  those_that_end();
  return api_close();
}
