/* fork - a forked child of a multi-threaded process allocates at once and is whole. */
#include "api.h"

#include <pthread.h>

#define HAMMERS 2
#define GIFTS 300 /* blocks of each hammer that the children free */
#define FORKS 200
#define WINDOW 256

static int stop;
static int parked; /* hammers whose gifts are ready */
static struct block gifts[HAMMERS][GIFTS];

static size_t random_size(uint64_t *seed) {
  size_t n = (size_t)1 << (api_random(seed) % (api_random(seed) % 8 ? 12 : 18));
  return n + (size_t)(api_random(seed) % n);
}

/* Leaves its gifts, then mallocs, reallocs and frees until told to stop. */
static void *hammer(void *argument) {
  struct block *mine = argument;
  void *window[WINDOW] = {0};
  uint64_t seed = (uint64_t)(uintptr_t)argument | 1;
  for (size_t i = 0; i < GIFTS; i++) {
    size_t n = random_size(&seed);
    struct block b = {malloc(n), n, 0, i + 1};
    b.usable = malloc_usable_size(b.p);
    api_fill(b.p, b.usable, b.key);
    mine[i] = b;
  }
  __atomic_fetch_add(&parked, 1, __ATOMIC_RELEASE);
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    size_t i = (size_t)(api_random(&seed) % WINDOW);
    if (api_random(&seed) % 8 == 0) {
      window[i] = opaque_ptr(realloc(window[i], random_size(&seed)));
      continue;
    }
    free(window[i]);
    window[i] = opaque_ptr(malloc(random_size(&seed)));
  }
  for (size_t i = 0; i < WINDOW; i++) free(window[i]);
  return NULL;
}

static void allocate_all_tiers(void) {
  struct block blocks[4 * COUNT_OF(api_tiers)];
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    size_t n = api_tiers[i % COUNT_OF(api_tiers)];
    struct block b = {malloc(opaque(n)), n, 0, i};
    CHILD_CHECK(b.p != NULL);
    b.usable = malloc_usable_size(b.p);
    api_fill(b.p, b.usable, b.key);
    blocks[i] = b;
  }
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    CHILD_CHECK(api_intact(blocks[i].p, blocks[i].usable, blocks[i].usable, blocks[i].key));
    free(blocks[i].p);
  }
}

static void free_gifts(void) {
  for (size_t h = 0; h < HAMMERS; h++) {
    for (size_t i = 0; i < GIFTS; i++) {
      struct block *b = &gifts[h][i];
      CHILD_CHECK(api_intact(b->p, b->usable, b->usable, b->key));
      free(b->p);
    }
  }
}

static void *in_thread(void *unused) {
  allocate_all_tiers();
  return unused;
}

static void wait_for(pid_t child) {
  int status = -1;
  CHILD_CHECK(child > 0 && waitpid(child, &status, 0) == child);
  CHILD_CHECK(!WIFSIGNALED(status));
  if (status != 0) _exit(99); /* the note is the grandchild's */
}

static void grandchild(void) {
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    allocate_all_tiers();
    CHILD_CHECK(api_violations() == 0);
    _exit(0);
  }
  wait_for(child);
}

/* What the child of a fork does: allocates first of all. */
static void child(void) {
  pthread_t thread;
  allocate_all_tiers();
  free_gifts();
  CHILD_CHECK(api_violations() == 0);
  CHILD_CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0);
  CHILD_CHECK(pthread_join(thread, NULL) == 0);
  grandchild();
  allocate_all_tiers();
  CHILD_CHECK(api_violations() == 0);
}

static pthread_t hammers[HAMMERS];

static void start_hammers(void) {
  for (size_t i = 0; i < HAMMERS; i++)
    CHECK(pthread_create(&hammers[i], NULL, hammer, gifts[i]) == 0);
  while (__atomic_load_n(&parked, __ATOMIC_ACQUIRE) < HAMMERS) usleep(1000);
}

static void stop_hammers(void) {
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (size_t i = 0; i < HAMMERS; i++) pthread_join(hammers[i], NULL);
}

static void from_main(void) {
  test_begin("200 forks while 2 threads hammer: the child allocates, frees theirs, forks again");
  for (int i = 0; i < FORKS && !test_bad; i++) api_child(child, 20);
  test_end();
}

static void *fork_often(void *failed) {
  for (int i = 0; i < 25 && !__atomic_load_n((int *)failed, __ATOMIC_RELAXED); i++) {
    int status = -1;
    pid_t process = fork();
    if (process == 0) {
      alarm(20);
      child();
      _exit(0);
    }
    if (process < 0 || waitpid(process, &status, 0) != process || status != 0)
      __atomic_fetch_add((int *)failed, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

/* Two forks at the same time, by threads that are not the main one. */
static void from_threads(void) {
  pthread_t forkers[2];
  int failed = 0;
  test_begin("forks by two threads at once, while others hammer, give whole children");
  for (int i = 0; i < 2; i++) CHECK(pthread_create(&forkers[i], NULL, fork_often, &failed) == 0);
  for (int i = 0; i < 2; i++) pthread_join(forkers[i], NULL);
  CHECK_MSG(failed == 0, "%d children failed; one of them at %s", failed, api_note);
  test_end();
}

/* Runs and mappings come and go, so that a fork meets the calls that give them back. */
static void *churn(void *size) {
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    char *p = malloc((uintptr_t)size);
    for (size_t i = 0; i < (uintptr_t)size; i += 4096) p[i] = 1;
    free(p);
  }
  return NULL;
}

static void child_retains(void) {
  uint64_t retained = 0;
  malloc_trim(0);
  CHILD_CHECK(api_any() || (api_counter("super.retained_bytes", &retained) == 0 && retained == 0));
}

/* What a child counts as retained it can give back, or it would look for it at each free. */
static void retained_in_children(void) {
  static const uintptr_t sizes[] = {1500000, 8 << 20};
  test_begin("forks while another thread frees: in no child are bytes retained that nobody has");
  for (size_t s = 0; s < COUNT_OF(sizes); s++) {
    pthread_t thread;
    stop = 0;
    CHECK(pthread_create(&thread, NULL, churn, (void *)sizes[s]) == 0);
    for (int i = 0; i < FORKS && !test_bad; i++) {
      usleep(300 + (unsigned)i);
      api_child(child_retains, 20);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
  }
  test_end();
}

/* The parent is as before: what the children freed is still there. */
static void parent_is_whole(void) {
  test_begin("the parent's blocks are untouched by what its children freed");
  for (size_t h = 0; h < HAMMERS; h++) {
    for (size_t i = 0; i < GIFTS; i++) {
      block_verify(&gifts[h][i]);
      free(gifts[h][i].p);
    }
  }
  test_end();
}

int main(void) {
  alarm(240);
  api_note_open();
  api_served();
  start_hammers();
  from_main();
  from_threads();
  stop_hammers();
  parent_is_whole();
  retained_in_children();
  return api_close();
}
