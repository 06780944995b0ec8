/* fork_counts - a forked child counts what it has, whatever its parent's threads were at. */
#include "api.h"

#include <pthread.h>
#include <stdio.h>

enum { FORKS = 300, THREADS = 3 };

static int stop;

/* Runs that come and go, or change their size, or huge blocks that are not kept. */
static void *churn(void *argument) {
  int kind = *(const int *)argument;
  uint64_t seed = (uint64_t)kind | 1;
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    size_t size = kind == 2 ? 300 * MIB : 300 * KIB + api_random(&seed) % MIB;
    unsigned char *p = opaque_ptr(malloc(opaque(size)));
    for (int i = 0; i < 20 && kind == 0; i++)
      p = opaque_ptr(realloc(p, opaque(i % 2 ? 300 * KIB : 1000 * KIB)));
    if (p) *p = 1;
    free(p);
  }
  return NULL;
}

static uint64_t counter(const char *name) {
  uint64_t value = 0;
  CHILD_CHECK(api_counter(name, &value) == 0);
  return value;
}

/* What api_note says of the figures is to be read. */
#define EXPECT(condition) \
  if (!(condition)) _exit(2)

static void in_child(void) {
  static struct hak_ledger_figures ledger;
  uint64_t runs = counter("pool.run_bytes"), huge = counter("pool.huge_bytes");
  uint64_t mapped = counter("super.bytes"), known = counter("heap.superslabs") * 4 * MIB;
  CHILD_CHECK(api_ledger()(&ledger) == 0);
  known += ledger.line[HAK_LIVE_HUGE].bytes + ledger.line[HAK_RETAINED_HUGE].bytes;
  snprintf(api_note, 512, "runs %llu, in the ledger %llu; huge %llu, %llu; mapped %llu, %llu",
           (unsigned long long)runs, (unsigned long long)ledger.line[HAK_LIVE_RUNS].bytes,
           (unsigned long long)huge, (unsigned long long)ledger.line[HAK_LIVE_HUGE].bytes,
           (unsigned long long)mapped, (unsigned long long)known);
  EXPECT(runs == ledger.line[HAK_LIVE_RUNS].bytes && huge == ledger.line[HAK_LIVE_HUGE].bytes);
  EXPECT(counter("super.lazy_bytes") == 0 && mapped == known);
  _exit(0);
}

int main(void) {
  static const int kinds[THREADS] = {0, 1, 2};
  pthread_t thread[THREADS];
  api_served();
  if (api_any()) return api_close();
  api_note_open();
  test_begin("in 300 forked children run, huge and mapped bytes are those of the ledger");
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&thread[i], NULL, churn, (void *)&kinds[i]) == 0);
  for (int i = 0; i < FORKS && !test_bad; i++) {
    pid_t child;
    usleep(500 + (unsigned)i * 37 % 700);
    child = fork();
    if (child == 0) in_child();
    api_child_join(child);
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  test_end();
  return api_close();
}
