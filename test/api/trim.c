/* trim - malloc_trim gives back all but what is live, says whether it did, and keeps what it is
 * told to keep. */
#include "api.h"

#include <pthread.h>
#include <stdbool.h>

#pragma weak hak_trim
#pragma weak hak_ledger

#define TOTAL (500 * MIB)
#define MOST 200000

static struct hak_ledger_figures ledger;
static void *blocks[MOST];
static size_t count;

/* 500 MB of all sizes up to 8 MiB, small ones the most. */
static void fill(size_t total) {
  uint64_t random = 77;
  count = 0;
  for (size_t sum = 0; sum < total && count < MOST; count++) {
    size_t shift = api_random(&random) % 20;
    size_t most = (size_t)16 << (shift < 18 ? shift % 14 : shift);
    size_t size = 1 + (size_t)(api_random(&random) % most);
    blocks[count] = opaque_ptr(malloc(opaque(size)));
    CHILD_CHECK(blocks[count] != NULL);
    memset(blocks[count], 1, size);
    sum += size;
  }
}

static void release(void) {
  while (count) free(blocks[--count]);
}

/* From here on this program's own pages are resident. */
static void warm(void) {
  fill(MIB);
  release();
  malloc_trim(0);
  memset(blocks, 1, sizeof blocks);
}

/* The kernel keeps the count behind statm per processor, some 100 KiB apart from the truth. */
static void all_freed(void) {
  size_t start, end;
  warm();
  start = api_resident();
  fill(TOTAL);
  CHILD_CHECK(api_resident() > start + TOTAL / 10 * 9);
  release();
  CHILD_CHECK(malloc_trim(0) == 1);
  end = api_resident();
  snprintf(api_note, 512, "%zu KiB resident at the start, %zu after the trim", start / KIB,
           end / KIB);
  if (end > start + 2 * MIB) _exit(99);
  CHILD_CHECK(malloc_trim(0) == 0);
  free(opaque_ptr(malloc(opaque(64 * MIB)))); /* of which no page ever came */
  CHILD_CHECK(malloc_trim(0) == 0);
  CHILD_CHECK(api_violations() == 0);
}

static void some_live(void) {
  size_t start, live = 0;
  warm();
  start = api_resident();
  fill(TOTAL);
  for (size_t i = 0; i < count; i++) {
    size_t size = malloc_usable_size(blocks[i]);
    /* blocks of their own; a smaller one holds the slab that it shares */
    if (size > 256 * KIB && i % 2) {
      live += size;
      continue;
    }
    free(blocks[i]);
    blocks[i] = NULL;
  }
  CHILD_CHECK(live > 20 * MIB && malloc_trim(0) == 1);
  snprintf(api_note, 512, "%zu KiB live, resident: %zu KiB more than at the start", live / KIB,
           (api_resident() - start) / KIB);
  if (api_resident() > start + live + 2 * MIB) _exit(99);
  CHILD_CHECK(malloc_trim(0) == 0);
}

/* To a superslab of 4 MiB, whose free units go together. */
static void keeps(void) {
  size_t with_all, with_some;
  malloc_trim(0);
  for (size_t i = 0; i < 60; i++) memset(blocks[i] = opaque_ptr(malloc(opaque(MIB))), 1, MIB);
  memset(blocks[60] = opaque_ptr(malloc(opaque(600 * MIB))), 1, 4 * KIB); /* a tenth is kept */
  for (size_t i = 0; i < 60; i++) free(blocks[i]);
  with_all = api_resident();
  CHILD_CHECK(malloc_trim(64 * MIB) == 0);
  CHILD_CHECK(api_resident() + 512 * KIB > with_all);
  CHILD_CHECK(malloc_trim(40 * MIB) == 1);
  with_some = api_resident();
  snprintf(api_note, 512, "%zu of 60 MiB are gone", (with_all - with_some) / MIB);
  if (with_some + 18 * MIB > with_all + 512 * KIB || with_some + 25 * MIB < with_all) _exit(99);
  CHILD_CHECK(malloc_trim(40 * MIB) == 0);
}

/* Every other run lives: no superslab is empty. */
static void between_live(void) {
  size_t with_all;
  for (size_t i = 0; i < 80; i++) memset(blocks[i] = opaque_ptr(malloc(opaque(MIB))), 1, MIB);
  with_all = api_resident();
  for (size_t i = 0; i < 80; i += 2) free(blocks[i]);
  CHILD_CHECK(malloc_trim(0) == 1);
  CHILD_CHECK(api_resident() + 39 * MIB < with_all && api_resident() + 41 * MIB > with_all);
  for (size_t i = 1; i < 80; i += 2) CHILD_CHECK(((char *)blocks[i])[MIB - 1] == 1);
}

/* The smallest blocks need the most descriptors: 3 MiB of them for these 256. */
static void smallest(void) {
  void **chain = NULL;
  size_t start;
  malloc_trim(0);
  start = api_resident();
  for (size_t i = 0; i < 256 * MIB / 16; i++) {
    void **p = (void **)opaque_ptr(malloc(opaque(16)));
    *p = (void *)chain;
    chain = p;
  }
  while (chain) {
    void **next = (void **)*chain;
    free(chain);
    chain = next;
  }
  CHILD_CHECK(malloc_trim(0) == 1);
  snprintf(api_note, 512, "%zu KiB at the start, %zu after", start / KIB, api_resident() / KIB);
  if (api_resident() > start + MIB) _exit(99);
}

/* 1,200 superslabs, each with little in it: what stays of them are entries of the map, and a page
 * per ten descriptors. */
static void many_superslabs(void) {
  size_t start;
  malloc_trim(0);
  start = api_resident();
  for (size_t i = 0; i < 2400; i++) {
    char *p = opaque_ptr(malloc(opaque(2 * MIB)));
    CHILD_CHECK(p != NULL);
    p[0] = 1;
    blocks[i] = p;
  }
  CHILD_CHECK(api_resident() > start + 12 * MIB);
  for (size_t i = 0; i < 2400; i++) free(blocks[i]);
  CHILD_CHECK(malloc_trim(0) == 1);
  snprintf(api_note, 512, "%zu KiB at the start, %zu after", start / KIB, api_resident() / KIB);
  if (api_resident() > start + 2 * MIB) _exit(99);
  /* the descriptors serve again */
  for (size_t i = 0; i < 2400; i++) memset(blocks[i] = opaque_ptr(malloc(opaque(MIB))), 1, 64);
  CHILD_CHECK(api_violations() == 0);
  for (size_t i = 0; i < 2400; i++) free(blocks[i]);
  CHILD_CHECK(api_violations() == 0);
}

/* ROW blocks in STEP live: no slab is all free, but pages are. Those of a program that has shrunk
 * to less than a quarter go by themselves, as far as they are more than HAKMEM_RETAIN. */
static void between_small(size_t row, size_t step, bool unasked) {
  enum { SIZE = 1000, N = 100000 };
  size_t start, full, left, pages = 0;
  warm();
  start = api_resident();
  for (size_t i = 0; i < N; i++) {
    blocks[i] = opaque_ptr(malloc(opaque(SIZE)));
    CHILD_CHECK(blocks[i] != NULL);
    api_fill(blocks[i], SIZE, i);
  }
  full = api_resident();
  CHILD_CHECK(full > start + N / 10 * 9 * SIZE);
  for (size_t i = 0; i < N; i++) {
    if (i % step >= row) free(blocks[i]);
    else pages += 1 + ((uintptr_t)blocks[i] % 4096 + SIZE > 4096);
  }
  left = api_resident();
  snprintf(api_note, 512, "%zu KiB at the start, %zu full, %zu then", start / KIB, full / KIB,
           left / KIB);
  if (unasked ? left > start + pages * 4096 + 16 * MIB : left < full - 4 * MIB) _exit(99);
  CHILD_CHECK(malloc_trim(0) == 1);
  left = api_resident();
  snprintf(api_note, 512, "%zu KiB at the start, %zu full, %zu after; %zu KiB of pages are live",
           start / KIB, full / KIB, left / KIB, pages * 4);
  if (left > start + pages * 4096 + 2 * MIB) _exit(99);
  CHILD_CHECK(malloc_trim(0) == 0);
  for (size_t i = 0; i < N; i++)
    if (i % step < row) CHILD_CHECK(api_intact(blocks[i], SIZE, SIZE, i));
  CHILD_CHECK(api_violations() == 0);
  for (size_t i = 0; i < N; i++) { /* the holes serve again */
    if (i % step < row) continue;
    blocks[i] = opaque_ptr(malloc(opaque(SIZE)));
    api_fill(blocks[i], SIZE, i);
  }
  for (size_t i = 0; i < N; i++) CHILD_CHECK(api_intact(blocks[i], SIZE, SIZE, i));
  CHILD_CHECK(api_resident() < full + 4 * MIB && api_violations() == 0);
  for (size_t i = 0; i < N; i++) free(blocks[i]);
}

static void between_some(void) {
  between_small(8, 24, false);
}

static void between_few(void) {
  between_small(1, 64, true);
}

/* Of 30 MB in small blocks each third row of eight lives: some 19 MiB of pages are free. */
static void keeps_in_slabs(void) {
  enum { SIZE = 1000, N = 30000 };
  size_t full, left;
  char *large = opaque_ptr(malloc(opaque(6 * MIB)));
  malloc_trim(0);
  for (size_t i = 0; i < N; i++)
    memset(blocks[i] = opaque_ptr(malloc(opaque(SIZE))), 1, SIZE);
  for (size_t i = 0; i < N; i++)
    if (i % 24 >= 8) free(blocks[i]);
  malloc_trim(SIZE_MAX); /* what is cached goes to its slabs */
  full = api_resident();
  CHILD_CHECK(malloc_trim(64 * MIB) == 0 && api_resident() + 512 * KIB > full);
  CHILD_CHECK(malloc_trim(8 * MIB) == 1);
  left = api_resident();
  snprintf(api_note, 512, "%zu KiB before, %zu after", full / KIB, left / KIB);
  if (left + 10 * MIB > full || left + 13 * MIB < full) _exit(99);
  CHILD_CHECK(malloc_trim(8 * MIB) == 0);
  free(memset(large, 1, 6 * MIB)); /* leaves 2 MiB for those pages */
  CHILD_CHECK(malloc_trim(8 * MIB) == 1 && api_resident() < left + 512 * KIB);
  CHILD_CHECK(malloc_trim(0) == 1 && api_resident() + 7 * MIB < left);
}

/* What was purged already is addresses alone: to give them up frees no page. */
static void nothing_to_free(void) {
  if (!hak_trim) return;
  fill(50 * MIB);
  release();
  malloc_trim(64 * MIB); /* the caches; all units stay */
  CHILD_CHECK(hak_trim(0) >= 8 * MIB);
  CHILD_CHECK(hak_trim(0) == 0);
}

/* --- threads --- */

static pthread_barrier_t barrier;
static pthread_key_t key;

/* A destructor that runs until hakmem's own has: then its blocks come from the shared caches. */
static void late(void *rounds) {
  void *p[20];
  for (size_t i = 0; i < 20; i++) p[i] = opaque_ptr(malloc(opaque(20000)));
  for (size_t i = 0; i < 20; i++) free(p[i]);
  if ((uintptr_t)rounds > 1) pthread_setspecific(key, (void *)((uintptr_t)rounds - 1));
}

static void *ends(void *unused) {
  pthread_setspecific(key, (void *)3);
  return unused;
}

static void *sleeper(void *unused) {
  void *p[8];
  for (size_t i = 0; i < 8; i++) memset(p[i] = opaque_ptr(malloc(opaque(10000))), 1, 10000);
  for (size_t i = 0; i < 8; i++) free(p[i]);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return unused;
}

/* Others' magazines are theirs: a trim leaves a sleeping thread's few blocks, until it ends. */
static void threads(void) {
  pthread_t thread;
  size_t start;
  CHILD_CHECK(pthread_key_create(&key, late) == 0);
  CHILD_CHECK(pthread_create(&thread, NULL, ends, NULL) == 0 && pthread_join(thread, NULL) == 0);
  pthread_barrier_init(&barrier, NULL, 2);
  malloc_trim(0);
  if (hak_ledger) {
    CHILD_CHECK(hak_ledger(&ledger) == 0);
    CHILD_CHECK(ledger.line[HAK_CACHED].bytes == 0);
  }
  start = api_resident();
  CHILD_CHECK(pthread_create(&thread, NULL, sleeper, NULL) == 0);
  pthread_barrier_wait(&barrier);
  fill(TOTAL / 5);
  release();
  CHILD_CHECK(malloc_trim(0) == 1);
  snprintf(api_note, 512, "%zu KiB at the start, %zu after", start / KIB, api_resident() / KIB);
  if (api_resident() > start + 2 * MIB) _exit(99);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  CHILD_CHECK(api_violations() == 0);
}

int main(void) {
  static const struct {
    const char *name;
    void (*scenario)(void);
  } scenarios[] = {
      {"500 MB of all sizes, freed: malloc_trim(0) is 1 and leaves 2 MiB at most, then 0",
       all_freed},
      {"half of the blocks above 256 KiB live: malloc_trim leaves them and 2 MiB at most",
       some_live},
      {"malloc_trim(N) keeps N bytes of freed memory", keeps},
      {"malloc_trim(N) keeps N bytes, free pages of slabs in use included", keeps_in_slabs},
      {"free units between live runs go, and the runs stay as they are", between_live},
      {"256 MiB of 16-byte blocks, freed: 1 MiB at most stays, of descriptors too", smallest},
      {"4.7 GiB of addresses in 1,200 superslabs, freed: 2 MiB at most stays", many_superslabs},
      {"100 MB of small blocks, a third lives: its pages and 2 MiB stay, and what is on them",
       between_some},
      {"100 MB of small blocks, one in 64 lives: its pages and 16 MiB stay, unasked", between_few},
      {"what holds no page counts for nothing", nothing_to_free},
      {"beside a sleeping thread, and after threads that freed late: 2 MiB at most", threads},
  };
  api_served();
  for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
    test_begin(scenarios[i].name);
    api_child(scenarios[i].scenario, 120);
    test_end();
  }
  return api_close();
}
