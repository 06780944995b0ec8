/* generations - a process that goes on in its child, again and again, loses no memory to what the
 * parents' threads had under way. And hak_check beside threads that work finds nothing. */
#include "api.h"

#include <pthread.h>

enum { THREADS = 3, SLOTS = 2000, GENERATIONS = 40, CHECKS = 3000, HUNG_AFTER = 100 };
enum { LARGE = 40 * 1024 }; /* bytes */

static void *volatile slots[THREADS][SLOTS];
static volatile size_t least, most; /* bytes */
static volatile int width = 64;     /* slots of a thread that are used */
static volatile int stopping;

static void *churn(void *argument) {
  void *volatile *mine = argument;
  uint64_t seed = (uint64_t)(uintptr_t)argument | 1;
  while (!stopping) {
    size_t i = (size_t)(api_random(&seed) % (unsigned)width);
    void *old = mine[i];
    mine[i] = NULL;
    free(old);
    mine[i] = malloc(least + (size_t)(api_random(&seed) % (most - least)));
  }
  return NULL;
}

static void start(pthread_t *thread) {
  stopping = 0;
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&thread[i], NULL, churn, (void *)slots[i])) _exit(100);
}

static void stop(pthread_t *thread) {
  stopping = 1;
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
}

/* What the parent's threads had is the child's to free. */
static void free_all(void) {
  for (int t = 0; t < THREADS; t++) {
    for (int i = 0; i < SLOTS; i++) {
      free(slots[t][i]);
      slots[t][i] = NULL;
    }
  }
  malloc_trim(0);
}

/* In the last child: MiB of held units that are no slab's or run's, or 200 where checks do not
 * hold. What a thread had just allocated or was about to free stays live: the program lost it. */
static int left(void) {
  static const enum hak_ledger_row rows[] = {HAK_LIVE_SLABS, HAK_LIVE_RUNS, HAK_FREE_BLOCKS,
                                             HAK_SLAB_TAILS, HAK_CACHED};
  struct hak_ledger_figures ledger;
  uint64_t taken = 0, given = 0, known = 0, held;
  free_all();
  if (api_violations()) return 200;
  if (api_any()) return 0;
  CHILD_CHECK(api_ledger()(&ledger) == 0);
  CHILD_CHECK(api_counter("super.units_taken", &taken) == 0);
  CHILD_CHECK(api_counter("super.units_given", &given) == 0);
  for (size_t i = 0; i < COUNT_OF(rows); i++) known += ledger.line[rows[i]].bytes;
  held = (taken - given) * 64 * KIB;
  if (held < known) return 203;
  return held - known < 100 * MIB ? (int)((held - known) / MIB) : 100;
}

/* Each parent waits, and ends as its child does. */
static int go_on(int generations) {
  pthread_t thread[THREADS];
  alarm(HUNG_AFTER);
  for (int g = 0; g < generations; g++) {
    int status;
    pid_t pid;
    start(thread);
    usleep(2000);
    pid = fork();
    if (pid < 0) return 201;
    if (pid == 0) continue;
    stop(thread);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return 202;
    return WEXITSTATUS(status);
  }
  return left();
}

static void expect_none(const char *promise, size_t from, size_t to) {
  int status = 0;
  pid_t pid;
  test_begin(promise);
  least = from;
  most = to;
  pid = fork();
  if (pid == 0) _exit(go_on(GENERATIONS));
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
  CHECK_MSG(WEXITSTATUS(status) == 0,
            "%d MiB are lost (200: violations, 201: fork, 202: a child died, 203: too few held)",
            WEXITSTATUS(status));
  test_end();
}

static void checks_beside(void) {
  pthread_t thread[THREADS];
  int bad = 0;
  least = 1;
  most = 20000;
  width = SLOTS;
  start(thread);
  for (int i = 0; i < CHECKS; i++) bad += api_violations() != 0;
  stop(thread);
  free_all();
  CHECK_MSG(bad == 0, "%d of %d checks found a violation", bad, CHECKS);
}

int main(void) {
  api_served();
  expect_none("after 40 generations whose threads had large blocks no unit is lost", LARGE, MIB);
  expect_none("after 40 generations whose threads had small blocks no unit is lost", 16, LARGE);
  test_begin("hak_check beside threads that work finds no violation");
  checks_beside();
  test_end();
  return api_close();
}
