/* leaves - a heap whose blocks lie far apart: each leaf of the slab map answers for 64 GiB.
 *
 * Between allocations the program reserves address space, so that the next superslabs lie in
 * another leaf, and at the same places in it. Blocks of all of them are then freed and allocated in
 * random order, by two threads that free each other's, too.
 */
#include "api.h"

#include <pthread.h>
#include <sys/mman.h>

#define REACH ((size_t)64 << 30)

enum { LEAVES = 3, EACH = 100000, BLOCKS = LEAVES * EACH, STEPS = 1000000 };

struct item {
  void *at;
  size_t size;
};

static struct item item[BLOCKS];
static pthread_mutex_t part_lock[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};

static void make(struct item *i, uint64_t *seed) {
  i->size = 16 + (size_t)(api_random(seed) % 100);
  i->at = opaque_ptr(malloc(opaque(i->size)));
  if (i->at) api_fill(i->at, i->size, (uint64_t)(uintptr_t)i->at);
}

static int drop(struct item *i) {
  int intact = i->at && api_intact(i->at, i->size, i->size, (uint64_t)(uintptr_t)i->at);
  free(i->at);
  i->at = NULL;
  return intact;
}

/* Replaces blocks of one half or the other: most of its own, some of the other thread's. */
static void *replace(void *argument) {
  size_t half = *(size_t *)argument;
  uint64_t seed = half + 5;
  for (size_t step = 0; step < STEPS; step++) {
    size_t part = api_random(&seed) % 16 ? half : 1 - half;
    struct item *i = &item[2 * (size_t)(api_random(&seed) % (BLOCKS / 2)) + part];
    int intact;
    pthread_mutex_lock(&part_lock[part]);
    intact = drop(i);
    make(i, &seed);
    pthread_mutex_unlock(&part_lock[part]);
    if (!intact) return argument;
  }
  return NULL;
}

/* As much as is left of a leaf beside the first blocks. */
static size_t room_beside(void) {
  uintptr_t lowest = UINTPTR_MAX, highest = 0;
  for (size_t i = 0; i < EACH; i++) {
    uintptr_t at = (uintptr_t)item[i].at;
    if (at < lowest) lowest = at;
    if (at > highest) highest = at;
  }
  return (REACH - (highest - lowest)) & ~(4 * MIB - 1);
}

static void reserve(size_t bytes) {
  void *at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK_MSG(at != MAP_FAILED, "no %zu GiB of address space", bytes >> 30);
}

/* Units of 64 KiB that lie at the same place of their leaf as one of another leaf. */
static size_t same_places(void) {
  static unsigned char leaf_of[REACH >> 16];
  size_t same = 0;
  for (size_t n = 0; n < BLOCKS; n++) {
    unsigned char *leaf = &leaf_of[(uintptr_t)item[n].at % REACH >> 16];
    unsigned char here = (unsigned char)(1 + (uintptr_t)item[n].at / REACH % 255);
    same += *leaf && *leaf != here;
    *leaf = here;
  }
  return same;
}

static void fill_leaves(void) {
  uint64_t seed = 1;
  size_t room = 0, same;
  for (size_t n = 0; n < BLOCKS; n++) {
    if (n == EACH) room = room_beside();
    if (n && n % EACH == 0) reserve(room);
    make(&item[n], &seed);
  }
  same = same_places();
  CHECK_MSG(same > 50, "only %zu units lie where one of another leaf does", same);
}

int main(void) {
  pthread_t thread[2];
  size_t half[2] = {0, 1}, spoilt = 0;
  void *bad;
  api_served();
  test_begin("blocks in three leaves are replaced at random by two threads, and stay whole");
  fill_leaves();
  for (int i = 0; i < 2; i++) pthread_create(&thread[i], NULL, replace, &half[i]);
  for (int i = 0; i < 2; i++) {
    pthread_join(thread[i], &bad);
    CHECK_MSG(!bad, "thread %d found a block overwritten, or got none", i);
  }
  for (size_t n = 0; n < BLOCKS; n++) spoilt += !drop(&item[n]);
  CHECK_MSG(spoilt == 0, "%zu blocks were overwritten", spoilt);
  test_end();
  api_invariants("after blocks of three leaves went");
  return api_close();
}
