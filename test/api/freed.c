/* freed - once all blocks are free, a process is as small as it was: without any call within what
 * may be retained, 16 MiB (HAKMEM_RETAIN), and after malloc_trim(0) within 4 MiB, whatever it did.
 *
 * Each pattern runs in a child of its own, whose memory the kernel counts page by page
 * (smaps_rollup). HAK_TEST_LONG=1: patterns of 8 times the size. HAK_TEST_TELL=1: what each pattern
 * left goes to stderr, also where all is well.
 *
 * Threads that sleep are no exception: what they cache is taken from them.
 *
 * Each pattern runs with a clock that stands still: nothing goes by age, and what falls and grows
 * again does so at once, however fast the machine is.
 */
#include "api.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>

#pragma weak hak_ledger

#define BAR 16     /* MiB: HAKMEM_RETAIN */
#define TRIM_BAR 4 /* MiB */

enum { THREADS = 4 };

static size_t scale; /* 1, or 8 */

struct node {
  struct node *next;
};

/* --- a clock that may stand still: hakmem asks this one, as it would ask libc's --- */

static struct timespec moment;
static bool still;
static _Atomic unsigned asked; /* since */

int clock_gettime(clockid_t id, struct timespec *now) {
  if (!still) return (int)syscall(SYS_clock_gettime, id, now);
  atomic_fetch_add(&asked, 1);
  *now = moment;
  return 0;
}

static void stop_time(void) {
  clock_gettime(CLOCK_MONOTONIC, &moment);
  still = true;
}

/* --- what the kernel counts --- */

/* Resident bytes, exactly; what statm says may be off by some pages per processor. */
static size_t resident(void) {
  char text[1024];
  size_t kib = 0;
  int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  const char *line;
  if (fd >= 0) close(fd);
  text[n > 0 ? n : 0] = 0;
  line = strstr(text, "\nRss:");
  if (!line || sscanf(line + 5, "%zu", &kib) != 1) return api_resident();
  return kib * KIB;
}

static size_t start, least; /* resident at the start; what a pattern must have held beyond it */

/* A pattern calls this where it holds the most. */
static void held(void) {
  size_t now = resident();
  snprintf(api_note, 512, "the pattern held %zu MiB, %zu are wanted", (now - start) / MIB,
           least / MIB);
  if (now < start + least) _exit(99);
}

/* --- the patterns --- */

static struct node *push(struct node *chain, size_t size) {
  struct node *node = (struct node *)opaque_ptr(malloc(opaque(size)));
  CHILD_CHECK(node != NULL);
  for (size_t at = 0; at < size; at += 4096) ((char *)node)[at] = 1;
  ((char *)node)[size - 1] = 1;
  node->next = chain;
  return node;
}

static void pop_all(struct node *chain) {
  while (chain) {
    struct node *next = chain->next;
    free(chain);
    chain = next;
  }
}

static void small(void) {
  struct node *chain = NULL;
  uint64_t random = 1;
  for (size_t i = 0; i < 1000000 * scale; i++) chain = push(chain, 24 + api_random(&random) % 41);
  held();
  pop_all(chain);
}

#define SLOTS ((size_t)1 << 16)
static struct node *slot[SLOTS];

static void free_slots(void) {
  held();
  for (size_t i = 0; i < SLOTS; i++) {
    free(slot[i]);
    slot[i] = NULL;
  }
}

/* Fills the slots and replaces OPS of their blocks by such of LOW to HIGH bytes. */
static void replace(size_t ops, size_t low, size_t high, size_t slots) {
  uint64_t random = 2;
  for (size_t i = 0; i < ops; i++) {
    size_t at = i < slots ? i : api_random(&random) % slots;
    free(slot[at]);
    slot[at] = push(NULL, low + api_random(&random) % (high - low + 1));
  }
  free_slots();
}

static void mixed(void) {
  replace(1000000 * scale, 16, 2048, SLOTS);
}

static void mid(void) {
  replace(200000 * scale, 1024, 32768, 4096);
}

static void large(void) {
  replace(4000 * scale, 32768, 2 * MIB, 128);
}

static void huge(void) {
  replace(100 * scale, 2 * MIB, 24 * MIB, 8);
}

/* All sizes, the small ones the most. */
static void all_sizes(void) {
  uint64_t random = 3;
  for (size_t i = 0; i < 400000 * scale; i++) {
    size_t at = i < SLOTS ? i : api_random(&random) % SLOTS;
    size_t most = (size_t)32 << (api_random(&random) % 64 ? api_random(&random) % 8
                                                          : api_random(&random) % 15);
    free(slot[at]);
    slot[at] = push(NULL, 16 + api_random(&random) % most);
  }
  free_slots();
}

/* Strings that grow by bytes, and vectors that double to 8 MiB. */
static void grown(void) {
  static size_t size[64];
  uint64_t random = 4;
  for (size_t i = 0; i < 60000 * scale; i++) {
    size_t at = api_random(&random) % 64;
    size_t to = at < 56 ? size[at] + 64 : size[at] ? 2 * size[at] : 64;
    if (to > (at < 56 ? 64 * KIB : 8 * MIB)) to = 16;
    slot[at] = (struct node *)opaque_ptr(realloc(slot[at], opaque(to)));
    for (size_t page = 0; page < to; page += 4096) ((char *)slot[at])[page] = 1;
    size[at] = to;
  }
  free_slots();
}

static void zeroed(void) {
  uint64_t random = 5;
  for (size_t i = 0; i < 60000 * scale; i++) {
    size_t at = api_random(&random) % 2048;
    size_t size = 1 + api_random(&random) % (i % 16 ? 2048 : 600 * KIB);
    free(slot[at]);
    slot[at] = (struct node *)opaque_ptr(calloc(1, opaque(size)));
    CHILD_CHECK(slot[at] && ((char *)slot[at])[size / 2] == 0);
    memset((void *)slot[at], 1, size);
  }
  free_slots();
}

static void aligned(void) {
  uint64_t random = 6;
  for (size_t i = 0; i < 60000 * scale; i++) {
    size_t at = api_random(&random) % 2048;
    size_t align = (size_t)16 << api_random(&random) % (i % 512 ? 9 : 19);
    size_t size = 1 + api_random(&random) % (2 * align);
    free(slot[at]);
    slot[at] = (struct node *)opaque_ptr(memalign(align, opaque(size)));
    CHILD_CHECK(slot[at] && (uintptr_t)slot[at] % align == 0);
    memset((void *)slot[at], 1, size);
  }
  free_slots();
}

/* --- threads --- */

static pthread_barrier_t barrier;
static _Atomic(struct node *) shared[SLOTS];

static size_t some_size(uint64_t *random) {
  return 16 + api_random(random) % (api_random(random) % 64 ? 1000 : 100000);
}

/* Replaces blocks of all threads. */
static void *exchange(void *argument) {
  uint64_t random = (uintptr_t)argument;
  for (size_t i = 0; i < 200000 * scale; i++) {
    struct node *node = push(NULL, some_size(&random));
    free(atomic_exchange(&shared[api_random(&random) % SLOTS], node));
  }
  return NULL;
}

static void free_shared(void) {
  for (size_t i = 0; i < SLOTS; i++) free(atomic_exchange(&shared[i], NULL));
}

static void run_threads(void *(*body)(void *), pthread_t *thread) {
  for (uintptr_t i = 0; i < THREADS; i++)
    CHILD_CHECK(pthread_create(&thread[i], NULL, body, (void *)(i + 1)) == 0);
}

static void join_threads(const pthread_t *thread) {
  for (size_t i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
}

static void remote(void) {
  pthread_t thread[THREADS];
  run_threads(exchange, thread);
  join_threads(thread);
  held();
  free_shared();
}

/* As they are when they have worked, asleep. */
static void *exchange_and_sleep(void *argument) {
  exchange(argument);
  pthread_barrier_wait(&barrier);
  for (;;) pause();
  return NULL;
}

static void asleep(void) {
  pthread_t thread[THREADS];
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  run_threads(exchange_and_sleep, thread);
  pthread_barrier_wait(&barrier);
  held();
  free_shared();
}

/* One thread allocates all that the others free. */
static void *consume(void *argument) {
  pthread_barrier_wait(&barrier);
  for (size_t i = (uintptr_t)argument - 1; i < SLOTS; i += THREADS)
    free(atomic_exchange(&shared[i], NULL));
  return NULL;
}

static void one_way(void) {
  pthread_t thread[THREADS];
  uint64_t random = 7;
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (size_t round = 0; round < 4 * scale; round++) {
    run_threads(consume, thread);
    for (size_t i = 0; i < SLOTS; i++) atomic_store(&shared[i], push(NULL, some_size(&random)));
    if (round == 0) held();
    pthread_barrier_wait(&barrier);
    join_threads(thread);
  }
}

/* Threads that come and go, each with a little of its own and a block for the others. */
static void *brief(void *argument) {
  uint64_t random = (uintptr_t)argument;
  struct node *chain = NULL;
  for (size_t i = 0; i < 100; i++) chain = push(chain, some_size(&random));
  pop_all(chain);
  free(atomic_exchange(&shared[api_random(&random) % SLOTS], push(NULL, MIB)));
  return NULL;
}

static void come_and_go(void) {
  pthread_t thread[THREADS];
  for (size_t round = 0; round < 200 * scale; round++) {
    run_threads(brief, thread);
    join_threads(thread);
    if (round == 100) held();
  }
  free_shared();
}

/* --- */

struct pattern {
  const char *name;
  void (*run)(void);
  size_t least; /* MiB that it must have held, or it proves nothing */
};

static const struct pattern *pattern;
static struct hak_ledger_figures ledger;

/* Resident bytes of cached blocks and of the slabs that they keep; all blocks are free. */
static size_t kept_by_caches(void) {
  static const int rows[] = {HAK_FREE_BLOCKS, HAK_SLAB_TAILS, HAK_CACHED, HAK_OUTBOXES};
  size_t bytes = 0;
  if (!hak_ledger || hak_ledger(&ledger) != 0) return 0;
  for (size_t i = 0; i < COUNT_OF(rows); i++) bytes += ledger.line[rows[i]].resident;
  return bytes;
}

static size_t above(size_t bytes, size_t than) {
  return bytes > than ? bytes - than : 0;
}

static void scenario(void) {
  size_t freed, caches, trimmed;
  free(opaque_ptr(malloc(opaque(100))));
  memset(slot, 0, sizeof slot); /* the program's own memory */
  memset((void *)shared, 0, sizeof shared);
  malloc_trim(0);
  caches = kept_by_caches(); /* the ledger's own pages */
  least = pattern->least * MIB;
  start = resident();
  stop_time();
  pattern->run();
  freed = above(resident(), start);
  caches = kept_by_caches();
  malloc_trim(0);
  trimmed = above(resident(), start);
  snprintf(api_note, 512, "%zu KiB stay when all is freed, %zu of them by caches; %zu after a trim",
           freed / KIB, caches / KIB, trimmed / KIB);
  if (getenv("HAK_TEST_TELL")) fprintf(stderr, "%s: %s\n", pattern->name, api_note);
  if (freed > BAR * MIB || trimmed > TRIM_BAR * MIB) _exit(99);
  CHILD_CHECK(atomic_load(&asked) > 0);
  CHILD_CHECK(api_violations() == 0);
}

static void promise(const struct pattern *of) {
  char name[256];
  pattern = of;
  snprintf(name, sizeof name, "%s: all freed, %d MiB stay at most, %d after a trim", of->name, BAR,
           TRIM_BAR);
  test_begin(name);
  api_child(scenario, 250);
  test_end();
}

int main(void) {
  static const struct pattern patterns[] = {
      {"small blocks of 24..64 bytes", small, 40},
      {"mixed blocks of 16..2,048 bytes, replaced at random", mixed, 50},
      {"blocks of 1..32 KiB, replaced at random", mid, 50},
      {"blocks of 32 KiB..2 MiB, replaced at random", large, 80},
      {"blocks of 2..24 MiB, replaced at random", huge, 50},
      {"blocks of 16 bytes to 1 MiB, small ones the most", all_sizes, 60},
      {"strings that grow, and vectors that double, by realloc", grown, 12},
      {"blocks of calloc, up to 600 KiB", zeroed, 25},
      {"blocks of alignments from 16 to 4 MiB", aligned, 15},
      {"four threads that free each other's blocks, and end", remote, 60},
      {"four threads that free each other's blocks, and sleep", asleep, 60},
      {"one thread allocates what four others free", one_way, 60},
      {"800 threads that come and go, a block of 1 MiB left by each", come_and_go, 6},
  };
  const char *extended = getenv("HAK_TEST_LONG");
  scale = extended && extended[0] == '1' ? 8 : 1;
  api_served();
  for (size_t i = 0; i < COUNT_OF(patterns); i++) promise(&patterns[i]);
  return api_close();
}
