/* first_fork - the first fork of a process, while other threads allocate for the first time: the
 * child must be whole. Whether fork's handlers run is settled as fork begins, so they must be known
 * before any thread but the forking one has allocated. The program runs itself for each trial. */
#include "api.h"

#include <malloc.h>
#include <pthread.h>

enum { TRIALS = 20, THREADS = 3, BLOCKS = 64, HUNG = 7, STRANGERS = 8 };

/* Small blocks, runs, and what ages them. */
static void *work(void *unused) {
  static __thread void *block[BLOCKS];
  unsigned state = 1;
  while (!unused) {
    unsigned i = (state = state * 1103515245 + 12345) >> 16;
    free(block[i % BLOCKS]);
    block[i % BLOCKS] = malloc(opaque((state >> 8) % (state % 8 ? 3000 : 600000) + 1));
  }
  return unused;
}

/* While the process forks already, which a handler of the program's makes last. */
static void start_threads(void) {
  pthread_t thread;
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&thread, NULL, work, NULL)) _exit(1);
  usleep(5000);
}

static void child(void) {
  void *block[BLOCKS];
  alarm(3);
  for (size_t i = 0; i < BLOCKS; i++) block[i] = malloc(opaque(i < 48 ? i * 900 : i * 9000));
  for (size_t i = 0; i < BLOCKS; i++) free(block[i]);
  malloc_trim(0);
  if (api_living() != 1) _exit(STRANGERS);
  _exit(api_violations() != 0);
}

static int trial(void) {
  pid_t pid;
  int status;
  alarm(30);
  free(malloc(opaque(10)));
  if (pthread_atfork(start_threads, NULL, NULL)) return 1;
  pid = fork();
  if (pid == 0) child();
  if (pid < 0 || waitpid(pid, &status, 0) != pid) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : HUNG;
}

int main(int argc, char **argv) {
  static const char promise[] =
      "the child of a fork during the first allocations of other threads is whole";
  (void)argv;
  if (argc > 1) return trial();
  api_served();
  if (api_any()) { /* the GNU C library's own is not */
    test_skip(promise, "HAK_TEST_ANY=1");
    return api_close();
  }
  test_begin(promise);
  for (int i = 0; i < TRIALS; i++) {
    int status = api_run_anew("trial");
    CHECK_MSG(status == 0, "status %#x (%d: it hung, %d: it has other threads' caches)",
              (unsigned)status, HUNG, STRANGERS);
  }
  test_end();
  return api_close();
}
