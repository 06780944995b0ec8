/* switched - turns the validation on and off while threads pass blocks of SIZE bytes on.
 *
 * Usage: switched TIMES SIZE
 * Prints how many of the frees, all of which are right, were violations.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 8, SLOTS = 64 };

static void *passed_on[SLOTS]; /* [any] */
static bool over;              /* [any] */
static size_t size;

static void *pass_on(void *seed) {
  uint32_t random = (uint32_t)(uintptr_t)seed * 2654435761u;
  while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
    void *p = malloc(size);
    random = random * 1664525 + 1013904223;
    free(__atomic_exchange_n(&passed_on[random % SLOTS], p, __ATOMIC_ACQ_REL));
  }
  return NULL;
}

int main(int argc, char **argv) {
  int (*set)(const char *, const char *) =
      (int (*)(const char *, const char *))dlsym(RTLD_DEFAULT, "hak_option_set");
  int (*counter)(const char *, uint64_t *) =
      (int (*)(const char *, uint64_t *))dlsym(RTLD_DEFAULT, "hak_counter");
  pthread_t thread[THREADS];
  uint64_t violations = 1;
  int done = 0;
  int times = argc == 3 ? atoi(argv[1]) : 0;
  size = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
  if (!set || !counter) return 1;
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, pass_on, (void *)(i + 1));
  for (int i = 0; i < times; i++) {
    done += !set("TINY_SLL_VALIDATE_HDR", i % 2 ? "0" : "1");
    usleep(1000);
  }
  __atomic_store_n(&over, true, __ATOMIC_RELAXED);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  counter("front.violations", &violations);
  printf("%d switches, %" PRIu64 " accused\n", done, violations);
  return 0;
}
