/* fork_crowd - what a child of a process with many threads does before it goes on grows no faster
 * than their number. The figure is the child's own processor time, the least of some children. */
#include "api.h"

#include <pthread.h>

enum { FEW = 750, MANY = 4 * FEW, CHILDREN = 7, STACK = 64 * 1024, TIMES = 7 };

static pthread_barrier_t all_wait;
static pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;

static void *idle(void *unused) {
  free(malloc(opaque(100)));
  pthread_barrier_wait(&all_wait);
  pthread_mutex_lock(&end);
  pthread_mutex_unlock(&end);
  return unused;
}

static uint64_t own_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The processor time of a child up to its first line. */
static uint64_t forked_ns(void) {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < CHILDREN; i++) {
    uint64_t ns = UINT64_MAX;
    int way[2];
    pid_t pid;
    if (pipe(way) != 0) return UINT64_MAX;
    pid = fork();
    if (pid == 0) {
      ns = own_ns();
      _exit(write(way[1], &ns, sizeof ns) != sizeof ns);
    }
    close(way[1]);
    if (pid < 0 || read(way[0], &ns, sizeof ns) != sizeof ns) return UINT64_MAX;
    close(way[0]);
    waitpid(pid, NULL, 0);
    if (ns < least) least = ns;
  }
  return least;
}

/* The same beside THREADS idle threads that have allocated. */
static uint64_t beside(unsigned threads) {
  static pthread_t thread[MANY];
  pthread_attr_t attr;
  uint64_t ns;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, STACK);
  pthread_barrier_init(&all_wait, NULL, threads + 1);
  pthread_mutex_lock(&end);
  for (unsigned i = 0; i < threads; i++)
    if (pthread_create(&thread[i], &attr, idle, NULL)) _exit(98);
  pthread_barrier_wait(&all_wait);
  ns = forked_ns();
  pthread_mutex_unlock(&end);
  for (unsigned i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  return ns;
}

int main(void) {
  uint64_t few, many;
  api_served();
  test_begin("a child of 3,000 threads begins within 7 times what a child of 750 needs");
  few = beside(FEW);
  many = beside(MANY);
  CHECK_MSG(few < UINT64_MAX && many < UINT64_MAX && many <= TIMES * few,
            "%llu us beside %u threads, %llu beside %u", (unsigned long long)few / 1000, FEW,
            (unsigned long long)many / 1000, MANY);
  test_end();
  return api_close();
}
