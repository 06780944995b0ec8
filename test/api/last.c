/* last - what threads do last: libc's frees behind all destructors, frees in destructors while
 * another thread forks, and ends that fall into a fork. Then a fork by a handler of SIGABRT, of a
 * thread that died inside the allocator. */
#include "api.h"

#include <pthread.h>

enum { IDLE = 200, STACK = 128 * 1024, BLOCKS = 20000, CHILDREN = 150, HUNG_AFTER = 20 };

static volatile int stopping;
static pthread_key_t key;

/* --- libc's own frees --- */

static void *nothing(void *done) {
  __atomic_add_fetch((int *)done, 1, __ATOMIC_RELEASE);
  return NULL;
}

/* On a stack of the program's: such a thread frees its own vector of thread-local storage. */
static void run_idle(char *stack, int *done) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstack(&attributes, stack, STACK);
  if (pthread_create(&thread, &attributes, nothing, done)) _exit(1);
  pthread_attr_destroy(&attributes);
}

static void idle_threads(void) {
  char *stacks = mmap(NULL, (size_t)IDLE * STACK, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int done = 0;
  CHECK(stacks != MAP_FAILED);
  for (int i = 0; i < IDLE; i++) run_idle(stacks + (size_t)i * STACK, &done);
  while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < IDLE) usleep(1000);
  usleep(100000); /* they go on to end */
  if (!api_any()) CHECK_MSG(api_living() == 1, "%llu live", (unsigned long long)api_living());
}

/* --- during a fork --- */

static void *brief(void *unused) {
  free(malloc(opaque(100)));
  return unused;
}

/* The third time round, when the thread has no caches any more. */
static void free_late(void *pointer) {
  static __thread int rounds;
  void **block = pointer;
  if (++rounds < 3) {
    pthread_setspecific(key, pointer);
    return;
  }
  for (int i = 0; i < BLOCKS; i++) free(block[i]);
}

static void *late(void *pointer) {
  void **block = pointer;
  for (int i = 0; i < BLOCKS; i++) block[i] = malloc(opaque(200));
  pthread_setspecific(key, block);
  return NULL;
}

static void *churn_brief(void *unused) {
  while (!stopping) {
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
      if (pthread_create(&thread[i], NULL, brief, NULL)) abort();
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  }
  return unused;
}

static void *churn_late(void *blocks) {
  while (!stopping) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, late, blocks)) abort();
    pthread_join(thread, NULL);
  }
  return NULL;
}

static int child(void) {
  alarm(HUNG_AFTER);
  if (!api_any() && api_living() != 1) return 2;
  return api_violations() != 0;
}

/* Forks while CHURN runs in another thread. */
static void forks(void *(*churn)(void *), void *argument) {
  pthread_t thread;
  stopping = 0;
  CHECK(pthread_create(&thread, NULL, churn, argument) == 0);
  for (int i = 0; i < CHILDREN; i++) {
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) _exit(child());
    waitpid(pid, &status, 0);
    CHECK_MSG(status == 0, "child %d: status %#x (0x100: violations, 0x200: threads miscounted)", i,
              (unsigned)status);
    usleep(500);
  }
  stopping = 1;
  pthread_join(thread, NULL);
}

/* --- in a handler of SIGABRT --- */

static void *free_twice(void *barrier) {
  void *block[8], *last = malloc(opaque(64));
  for (int i = 0; i < 8; i++) block[i] = malloc(opaque(64));
  for (int i = 0; i < 8; i++) free(opaque_ptr(block[i]));
  free(opaque_ptr(block[2]));
  free(opaque_ptr(last)); /* which a visitor leaves */
  pthread_barrier_wait(barrier);
  pause();
  return barrier;
}

static void report_crash(int signal) {
  int status;
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  _exit(signal == SIGABRT && waitpid(pid, &status, 0) == pid ? 3 : 4);
}

/* The one that sleeps has freed twice; who trims finds out, in the midst of its visit. */
static int crash(void) {
  pthread_barrier_t barrier;
  pthread_t thread;
  alarm(HUNG_AFTER);
  (void)signal(SIGABRT, report_crash);
  pthread_barrier_init(&barrier, NULL, 2);
  if (pthread_create(&thread, NULL, free_twice, &barrier)) return 1;
  pthread_barrier_wait(&barrier);
  usleep(20000);
  malloc_trim(0);
  return 0;
}

int main(int argc, char **argv) {
  static void *block[BLOCKS];
  (void)argv;
  if (argc > 1) return crash();
  api_served();
  test_begin("threads that never allocated and that libc takes apart are not born by its frees");
  idle_threads();
  test_end();
  test_begin("a child of a fork into which threads begin and end counts itself alone");
  forks(churn_brief, NULL);
  test_end();
  test_begin("a child of a fork into which a thread's last frees fall keeps the invariants");
  CHECK(pthread_key_create(&key, free_late) == 0);
  forks(churn_late, block);
  test_end();
  if (api_any()) {
    test_skip("a handler of SIGABRT may fork", "HAK_TEST_ANY=1");
    return api_close();
  }
  test_begin("a handler of SIGABRT may fork, also where a visit found the double free");
  CHECK_MSG(api_run_anew("crash") == 3 << 8, "it hung, or did not get there");
  test_end();
  return api_close();
}
