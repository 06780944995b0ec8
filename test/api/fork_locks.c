/* fork_locks - no fork waits for ever for a lock: neither where the program's own handlers, known
 * before its first allocation, wait for a thread that allocates, nor where the handler of a signal
 * that interrupted malloc forks, in a process of one thread. The program runs itself for each. */
#include "api.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

enum { HANDLED = 500, SIGNALLED = 1000, EVERY = 300 /* us */, HUNG = 7, SECONDS = 60 };

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t forks, forked, failed;

static void hold(void) {
  pthread_mutex_lock(&order);
}

static void let_go(void) {
  pthread_mutex_unlock(&order);
}

static void *allocate_under_lock(void *unused) {
  while (!unused) {
    hold();
    free(opaque_ptr(malloc(opaque(300000))));
    let_go();
  }
  return unused;
}

/* Nothing is allocated before the handlers are known. */
static int handlers(void) {
  pthread_t thread;
  int status = 0;
  alarm(SECONDS);
  if (pthread_atfork(hold, let_go, let_go)) return 1;
  if (pthread_create(&thread, NULL, allocate_under_lock, NULL)) return 1;
  for (int i = 0; i < HANDLED && !status; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      free(opaque_ptr(malloc(opaque(100))));
      _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return 1;
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : HUNG);
}

/* The child goes on with what the signal interrupted. */
static void fork_now(int unused) {
  int saved = errno, status = 0;
  pid_t pid = fork();
  (void)unused;
  if (pid == 0) {
    alarm(SECONDS);
    forked = 1;
  } else if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
    failed = 1;
  }
  forks++;
  errno = saved;
}

static int signalled(void) {
  struct itimerval every = {{0, EVERY}, {0, EVERY}};
  alarm(SECONDS);
  signal(SIGVTALRM, fork_now);
  if (setitimer(ITIMER_VIRTUAL, &every, NULL)) return 1;
  for (size_t i = 0; forks < SIGNALLED && !forked && !failed; i++) {
    void *run = opaque_ptr(malloc(opaque(300000))), *block = malloc(opaque(i % 3000));
    memset(run, 1, 5000);
    free(run);
    free(block);
  }
  signal(SIGVTALRM, SIG_IGN);
  return failed || (forked && api_violations() != 0);
}

int main(int argc, char **argv) {
  if (argc > 1) return *argv[1] == 'h' ? handlers() : signalled();
  api_served();
  test_begin("handlers known before the first allocation may wait for a thread that allocates");
  CHECK(api_run_anew("handlers") == 0);
  test_end();
  test_begin("a signal's handler forks in the middle of malloc, and the child goes on with it");
  CHECK(api_run_anew("signalled") == 0);
  test_end();
  return api_close();
}
