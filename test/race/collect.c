/* collect - another thread takes what a thread caches: asleep, in the midst of malloc, and while it
 * goes on. No block is in two hands, and none is lost. */
#include "../api/api.h"

#include <pthread.h>
#include <time.h>

#include "shadow.h"

#pragma weak hak_trim
#pragma weak hak_ledger

enum { WORKERS = 3, HELD = 64, PAIRED = 2, BURST = 1200, ROUNDS = 4000, STOP_US = 200 };

/* Below and above 1,024 bytes, where the last block of a magazine stays and where it goes. */
static const size_t sizes[] = {16, 64, 400, 1000, 1200, 3000, 20000, 100000};
static const size_t paired[] = {64, 3000};
static int stop;    /* [any] */
static int trouble; /* [any] blocks that were in two hands */

static int stopped(void) { return __atomic_load_n(&stop, __ATOMIC_RELAXED); }

static void *claim(size_t size) {
  void *p = opaque_ptr(malloc(opaque(size)));
  if (p && shadow_claim(p, size)) return p;
  __atomic_fetch_add(&trouble, 1, __ATOMIC_RELAXED);
  return NULL;
}

static void release(void *p, size_t size) {
  if (!p) return;
  if (!shadow_release(p, size)) __atomic_fetch_add(&trouble, 1, __ATOMIC_RELAXED);
  free(p);
}

static void sleep_us(long us) {
  struct timespec time = {0, us * 1000};
  nanosleep(&time, NULL);
}

/* --- who is visited --- */

/* More blocks at a time than a magazine ever holds: most time goes by off the hit path. */
static void bursts(int rounds) {
  void *block[BURST];
  for (int round = 0; round < rounds; round++)
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
      for (size_t j = 0; j < BURST; j++) block[j] = claim(sizes[i]);
      for (size_t j = 0; j < BURST; j++) release(block[j], sizes[i]);
    }
}

static void *churn(void *argument) {
  (void)argument;
  while (!stopped()) bursts(1);
  return NULL;
}

/* Two sizes in turn: all of the time goes by on the hit path. */
static void *pairs(void *argument) {
  (void)argument;
  while (!stopped())
    for (size_t i = 0; i < PAIRED; i++) release(claim(paired[i]), paired[i]);
  return NULL;
}

static void stay(int signal) {
  (void)signal;
  sleep_us(STOP_US);
}

/* --- who visits --- */

static void hold(void *held[PAIRED][HELD]) {
  for (size_t i = 0; i < PAIRED; i++)
    for (size_t j = 0; j < HELD; j++) held[i][j] = claim(paired[i]);
}

static void let_go(void *held[PAIRED][HELD]) {
  for (size_t i = 0; i < PAIRED; i++)
    for (size_t j = 0; j < HELD; j++) release(held[i][j], paired[i]);
}

/* What was taken must come into hands again for anybody to notice, and stay there until who was
 * stopped goes on. */
static void visit(uint64_t rounds, const pthread_t *stopped_in_it) {
  static void *held[PAIRED][HELD];
  for (uint64_t round = 0; round < rounds; round++) {
    for (size_t i = 0; stopped_in_it && i < WORKERS; i++) pthread_kill(stopped_in_it[i], SIGUSR1);
    if (stopped_in_it) sleep_us(20);
    if (hak_trim) hak_trim(0);
    hold(held);
    if (stopped_in_it) sleep_us(STOP_US);
    let_go(held);
  }
}

/* Bytes of two lines of the ledger. */
static size_t bytes_of(int first, int second) {
  static struct hak_ledger_figures ledger;
  if (!hak_ledger || hak_ledger(&ledger) != 0) return 0;
  return ledger.line[first].bytes + ledger.line[second].bytes;
}

static size_t cached(void) { return bytes_of(HAK_CACHED, HAK_OUTBOXES); }
static size_t live(void) { return bytes_of(HAK_LIVE_SLABS, HAK_LIVE_RUNS); }

static void beside(const char *name, void *(*body)(void *), uint64_t rounds, int signals) {
  pthread_t worker[WORKERS];
  size_t before = live();
  size_t after;
  test_begin(name);
  stop = trouble = 0;
  for (size_t i = 0; i < WORKERS; i++)
    CHECK(pthread_create(&worker[i], NULL, body, NULL) == 0);
  visit(rounds, signals ? worker : NULL);
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (size_t i = 0; i < WORKERS; i++) pthread_join(worker[i], NULL);
  after = live();
  CHECK_MSG(trouble == 0, "%d blocks were in two hands", trouble);
  CHECK_MSG(after <= before + 8 * KIB, "%zu live bytes became %zu: lost", before, after);
  test_end();
}

/* --- a thread that sleeps --- */

static pthread_barrier_t barrier;

static void *sleeper(void *argument) {
  (void)argument;
  bursts(8);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  bursts(8);
  return NULL;
}

static int in_child(void) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) {
    bursts(8);
    _exit(trouble || api_violations());
  }
  waitpid(pid, &status, 0);
  return status;
}

static void asleep(void) {
  pthread_t thread;
  size_t before;
  size_t left;
  test_begin("what a sleeping thread caches goes with a trim, and it goes on, here and in a child");
  pthread_barrier_init(&barrier, NULL, 2);
  CHECK(pthread_create(&thread, NULL, sleeper, NULL) == 0);
  pthread_barrier_wait(&barrier);
  before = cached();
  if (hak_trim) hak_trim(SIZE_MAX); /* no pages: what is cached is all that goes */
  left = cached();
  CHECK(api_violations() == 0);
  CHECK(in_child() == 0);
  pthread_barrier_wait(&barrier);
  pthread_join(thread, NULL);
  CHECK_MSG(before >= 200 * KIB, "only %zu bytes were cached", before);
  CHECK_MSG(left <= 4 * KIB, "%zu bytes are cached after a trim", left);
  CHECK_MSG(trouble == 0, "%d blocks were in two hands", trouble);
  test_end();
}

int main(int argc, char **argv) {
  struct sigaction action = {.sa_handler = stay, .sa_flags = SA_RESTART};
  (void)argc;
  api_preload(argv);
  api_served();
  sigaction(SIGUSR1, &action, NULL);
  asleep();
  beside("blocks that are taken while their threads go on are in one hand", churn, ROUNDS, 0);
  beside("so are blocks of threads that a signal stopped in malloc", pairs, ROUNDS / 5, 1);
  return api_close();
}
