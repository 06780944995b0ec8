/* fork_streams - a fork waits for no stream's reader that waits for the fork. */
#include "api.h"

#include <pthread.h>
#include <stdio.h>

enum { FORKS = 60, LINE = 3000000, PATIENCE_MS = 60000 };

/* Holds its stream's lock while it allocates: getline makes room for the line. */
static void *read_lines(void *unused) {
  char *text = malloc(LINE + 2);
  FILE *stream;
  memset(text, 'x', LINE);
  memcpy(text + LINE, "\n", 2);
  stream = fmemopen(text, LINE + 1, "r");
  for (;;) {
    char *line = NULL;
    size_t room = 0;
    rewind(stream);
    if (getline(&line, &room, stream) < 0) return unused;
    free(line);
  }
}

/* Holds the lock of all streams while it waits for one. */
static void *flush_all(void *unused) {
  for (;;) fflush(NULL);
  return unused;
}

static void fork_beside(void) {
  pthread_t thread[2];
  pthread_create(&thread[0], NULL, read_lines, NULL);
  pthread_create(&thread[1], NULL, flush_all, NULL);
  for (int i = 0; i < FORKS; i++) {
    pid_t child = fork();
    if (child == 0) {
      free(opaque_ptr(malloc(opaque(100))));
      _exit(0);
    }
    waitpid(child, NULL, 0);
  }
  _exit(0);
}

int main(void) {
  pid_t child;
  int status = -1;
  api_served();
  test_begin("60 forks beside a thread in getline and one that flushes all streams");
  child = fork();
  if (child == 0) fork_beside();
  for (int ms = 0; ms < PATIENCE_MS && waitpid(child, &status, WNOHANG) == 0; ms += 10)
    usleep(10000);
  CHECK_MSG(status == 0, "they did not end within %d ms", PATIENCE_MS);
  if (status != 0) kill(child, SIGKILL);
  test_end();
  return api_close();
}
