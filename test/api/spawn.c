/* spawn - vfork, posix_spawn, popen and system, from a process whose threads allocate. */
#include "api.h"

#include <pthread.h>
#include <spawn.h>

extern char **environ;
static int stop;

static void *hammer(void *unused) {
  void *window[256] = {0};
  uint64_t seed = 99;
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
    size_t i = (size_t)(api_random(&seed) % COUNT_OF(window));
    free(window[i]);
    window[i] = opaque_ptr(malloc((size_t)(api_random(&seed) % 20000)));
  }
  for (size_t i = 0; i < COUNT_OF(window); i++) free(window[i]);
  return unused;
}

static int status_of(pid_t child) {
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The child of vfork shares the parent's memory: it allocates as the parent's thread would. */
__attribute__((noinline)) static pid_t vfork_shell(char *const *argv, int allocate) {
  pid_t child = vfork();
  if (child != 0) return child;
  if (allocate) {
    void *p = opaque_ptr(malloc(opaque(1000)));
    void *q = opaque_ptr(malloc(opaque(100000)));
    if (!p || !q) _exit(98);
    free(q);
    free(p);
  }
  execv(argv[0], argv);
  _exit(97);
}

static void by_vfork(int allocate) {
  char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)"exit 5", NULL};
  for (int i = 0; i < 30; i++) {
    int status = status_of(vfork_shell(argv, allocate));
    CHECK_MSG(status == 5, "status %d instead of 5", status);
  }
}

static void by_spawn(void) {
  char *argv[] = {(char *)"sh", (char *)"-c", (char *)"echo out; exit 6", NULL};
  for (int i = 0; i < 30; i++) {
    posix_spawn_file_actions_t actions;
    pid_t child = -1;
    int error, status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    error = posix_spawnp(&child, "sh", &actions, NULL, argv, environ);
    CHECK_MSG(error == 0, "posix_spawnp gave %d", error);
    posix_spawn_file_actions_destroy(&actions);
    status = error ? -1 : status_of(child);
    CHECK_MSG(status == 6, "status %d instead of 6", status);
  }
}

static void by_popen(void) {
  for (int i = 0; i < 20; i++) {
    char line[64] = "";
    FILE *stream = popen("echo one two", "r");
    int status;
    CHECK(stream && fgets(line, sizeof line, stream));
    CHECK_MSG(strcmp(line, "one two\n") == 0, "the line read was: %s", line);
    status = stream ? pclose(stream) : -1;
    CHECK_MSG(status == 0, "pclose gave 0x%x", (unsigned)status);
  }
}

static void by_system(void) {
  for (int i = 0; i < 20; i++) {
    int status = system("exit 7");
    CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status 0x%x", (unsigned)status);
  }
}

int main(void) {
  pthread_t hammers[2];
  alarm(120);
  api_served();
  for (int i = 0; i < 2; i++)
    if (pthread_create(&hammers[i], NULL, hammer, NULL) != 0) return 2;
  test_begin("vfork and exec");
  by_vfork(0);
  test_end();
  test_begin("vfork, malloc and free in the child, exec");
  by_vfork(1);
  test_end();
  test_begin("posix_spawnp with file actions");
  by_spawn();
  test_end();
  test_begin("popen reads the command's line");
  by_popen();
  test_end();
  test_begin("system gives the command's status");
  by_system();
  test_end();
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int i = 0; i < 2; i++) pthread_join(hammers[i], NULL);
  return api_close();
}
