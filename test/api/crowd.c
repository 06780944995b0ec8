/* crowd - what many threads cost that each allocate and free 1 MiB, in blocks of any sizes: those
 * that end, and those that then sleep. Stacks and libc's own part of a thread are measured and
 * taken off. */
#include "api.h"

#include <pthread.h>
#include <semaphore.h>

enum { ENDED = 10000, AT_ONCE = 4, SLEEPERS = 2000, SMALL = 3000 };
enum { SLOTS_BYTES = MIB / 16 * sizeof(void *) };

/* What a thread does before it sleeps: BYTES in blocks of LEAST..MOST, allocated and then freed. */
struct work {
  const char *blocks;
  size_t bytes, least, most;
};

static pthread_attr_t attributes;
static pthread_barrier_t asleep, awake;
static sem_t at_work; /* what many leave that work at once is another question, and the kernel's */

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

/* Its notes are in a mapping of its own, which goes: they are not the allocator's. */
static void do_work(const struct work *work) {
  int shared_with_none = MAP_PRIVATE | MAP_ANONYMOUS;
  void **block = mmap(NULL, SLOTS_BYTES, PROT_READ | PROT_WRITE, shared_with_none, -1, 0);
  uint64_t seed = (uintptr_t)block >> 12;
  size_t n = 0;
  for (size_t done = 0; done < work->bytes; n++) {
    size_t size = work->least + (size_t)(api_random(&seed) % (work->most - work->least + 1));
    block[n] = memset(malloc(opaque(size)), 1, size);
    done += size;
  }
  for (size_t i = 0; i < n; i++) free(block[i]);
  munmap(block, SLOTS_BYTES);
}

static void *sleeps(void *work) {
  sem_wait(&at_work);
  do_work(work);
  sem_post(&at_work);
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
  CHECK(run_ended(1000)); /* what is kept for reuse is there */
  before = api_resident();
  CHECK(run_ended(ENDED));
  after = api_resident();
  printf("# %zu KiB before, %zu after\n", before / KIB, after / KIB);
  CHECK_MSG(after <= before + 4 * MIB, "%zu KiB became %zu", before / KIB, after / KIB);
  test_end();
}

/* Resident bytes that 2,000 sleeping threads add. */
static size_t asleep_bytes(struct work *work) {
  static pthread_t thread[SLEEPERS];
  size_t before = api_resident(), added;
  sem_init(&at_work, 0, AT_ONCE);
  pthread_barrier_init(&asleep, NULL, SLEEPERS + 1);
  pthread_barrier_init(&awake, NULL, SLEEPERS + 1);
  for (size_t i = 0; i < SLEEPERS; i++)
    if (pthread_create(&thread[i], &attributes, sleeps, work) != 0) exit(2);
  pthread_barrier_wait(&asleep);
  added = api_resident() - before;
  pthread_barrier_wait(&awake);
  for (size_t i = 0; i < SLEEPERS; i++) pthread_join(thread[i], NULL);
  return added;
}

/* In a process of its own: what an earlier crowd left for reuse would hide what this one takes. */
static size_t asleep_bytes_anew(struct work work) {
  size_t *bytes = mmap(NULL, KIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  size_t got;
  pid_t child = fork();
  int status = -1;
  if (child == 0) {
    *bytes = asleep_bytes(&work);
    _exit(hak_check && hak_check() ? 1 : 0);
  }
  if (child > 0) waitpid(child, &status, 0);
  CHECK_MSG(status == 0, "a crowd ended with status %#x", (unsigned)status);
  got = *bytes;
  munmap(bytes, KIB);
  return got;
}

static void those_that_sleep(void) {
  static const struct work works[] = {
      {"one block of 1 MiB", MIB, MIB, MIB},
      {"1 MiB in 16..1,024 bytes", MIB, 16, 1024},
      {"1 MiB in 16..256 bytes", MIB, 16, 256},
      {"1 MiB in 16 bytes", MIB, 16, 16},
      {"1 MiB in 1,024 bytes", MIB, 1024, 1024},
      {"1 MiB in 16..60,000 bytes", MIB, 16, 60000},
      {"20 KiB in 16..1,024 bytes", 20 * KIB, 16, 1024},
  };
  size_t libcs = asleep_bytes_anew((struct work){"nothing", 0, 1, 1});
  for (size_t i = 0; i < COUNT_OF(works); i++) {
    char promise[120];
    size_t all, each;
    snprintf(promise, sizeof promise,
             "2,000 threads that used %s, 4 at a time, and sleep: 64 KiB each", works[i].blocks);
    test_begin(promise);
    all = asleep_bytes_anew(works[i]);
    each = all > libcs ? (all - libcs) / SLEEPERS : 0;
    printf("# %zu KiB each, of which libc's %zu\n", all / SLEEPERS / KIB, libcs / SLEEPERS / KIB);
    CHECK_MSG(each <= 64 * KIB, "%zu bytes each", each);
    test_end();
  }
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
