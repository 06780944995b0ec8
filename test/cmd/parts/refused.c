/* refused - makes the requests that its arguments name, and ends or waits.
 *
 *   malloc N | aligned ALIGN N   once, freed
 *   repeat COUNT N               COUNT mallocs of N
 *   mappings                     uses up the mappings that a process may have, or gives up
 *   thread N                     a malloc of N by another thread
 *   wait                         prints "ready PID", then waits for the end of stdin
 *   abort                        prints the number of the thread, then aborts
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAPPINGS_MOST = 200000 };

static char **word; /* the next argument */

static size_t next_number(void) {
  if (!*word) exit(2);
  return strtoull(*word++, NULL, 0);
}

__attribute__((noinline)) void ask(size_t align, size_t size) {
  void *volatile p = align ? aligned_alloc(align, size) : malloc(size);
  free(p);
}

static void *ask_in_thread(void *size) {
  ask(0, *(size_t *)size);
  return NULL;
}

static void run_thread(size_t size) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, ask_in_thread, &size) != 0) exit(2);
  pthread_join(thread, NULL);
}

/* Neighbours that differ in their protection stay mappings of their own. */
static void use_up_mappings(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < MAPPINGS_MOST; i++)
    if (mmap(NULL, page, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
        MAP_FAILED)
      return;
}

static void wait_for_end(void) {
  char c;
  printf("ready %ld\n", (long)getpid());
  fflush(stdout);
  while (read(STDIN_FILENO, &c, 1) > 0) continue;
}

int main(int argc, char **argv) {
  (void)argc;
  for (word = argv + 1; *word;) {
    const char *step = *word++;
    size_t first;
    if (!strcmp(step, "malloc")) ask(0, next_number());
    else if (!strcmp(step, "thread")) run_thread(next_number());
    else if (!strcmp(step, "mappings")) use_up_mappings();
    else if (!strcmp(step, "wait")) wait_for_end();
    else if (!strcmp(step, "abort")) abort();
    else {
      first = next_number();
      if (!strcmp(step, "aligned")) ask(first, next_number());
      else for (size_t n = next_number(); first > 0; first--) ask(0, n);
    }
  }
  return 0;
}
