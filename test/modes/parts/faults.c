/* faults - frees what must not be freed, as its arguments say, and counts what was seen of it.
 *
 *   duplicate COUNT SIZE    frees COUNT blocks twice
 *   interior COUNT SIZE     frees COUNT pointers 16 bytes into a block
 *   stateless SIZE          frees a block of a slab that was never given to anybody
 *   deep COUNT              a duplicate, COUNT frames deep
 *   distinct SIZE           2,000 blocks of SIZE: are they all different?
 *   give SIZE | take        2,000 blocks given and kept | freed
 *   threads                 four threads at work while validation is switched on and off 200 times
 *   set VALUE               HAKMEM_TINY_SLL_VALIDATE_HDR, in the running process
 *   count                   prints front.violations
 *   check                   prints hak_check()
 *
 * Each wrong free prints the address that it freed, and the address it was called from.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT = 2000, THREADS = 4, SWITCHES = 200 };

static char **word; /* the next argument */
static char *kept[KEPT];

static int (*option_set)(const char *, const char *);
static int (*counter)(const char *, uint64_t *);
static int (*heap_check)(void);

static const char *next_word(void) {
  if (*word) return *word++;
  printf("an argument is missing\n");
  exit(2);
}

static size_t next_number(void) {
  return strtoull(next_word(), NULL, 0);
}

/* A frame of its own; the address where its caller goes on is among the callers of free. */
__attribute__((noinline)) static void wrong_free(char *p) {
  free(p);
  printf("freed %p from %p\n", (void *)p, __builtin_return_address(0));
}

static void duplicate(void) {
  size_t count = next_number();
  size_t size = next_number();
  for (size_t i = 0; i < count; i++) {
    char *p = malloc(size);
    char *neighbour = malloc(size); /* keeps the slab */
    free(p);
    wrong_free(p);
    if (i == 0) free(neighbour);
  }
}

static void interior(void) {
  size_t count = next_number();
  size_t size = next_number();
  for (size_t i = 0; i < count; i++) wrong_free((char *)malloc(size) + 16);
}

/* A slab is 64 KiB at least; a first block comes from its lowest end. */
static void stateless(void) {
  char *p = malloc(next_number());
  size_t size = malloc_usable_size(p);
  wrong_free(p + (60000 - ((uintptr_t)p & 0xffff)) / size * size);
}

__attribute__((noinline)) static int deep(size_t depth) {
  int below;
  if (depth == 0) {
    char *p = malloc(100);
    free(p);
    wrong_free(p);
    return 1;
  }
  below = deep(depth - 1);
  __asm__ volatile("" : "+r"(below));
  return below + 1;
}

static int compare(const void *a, const void *b) {
  uintptr_t x = *(const uintptr_t *)a;
  uintptr_t y = *(const uintptr_t *)b;
  return x < y ? -1 : x > y;
}

static void give(void) {
  size_t size = next_number();
  for (size_t i = 0; i < KEPT; i++) kept[i] = malloc(size);
}

static void take(void) {
  for (size_t i = 0; i < KEPT; i++) free(kept[i]);
}

static void distinct(void) {
  int twice = 0;
  give();
  qsort(kept, KEPT, sizeof *kept, compare);
  for (size_t i = 1; i < KEPT; i++) twice += kept[i] == kept[i - 1];
  printf("distinct: %d given twice\n", twice);
  take();
}

static atomic_int stop;

static void *work(void *argument) {
  char *mine[100] = {0};
  unsigned random = (unsigned)(uintptr_t)argument;
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    char **slot;
    random = random * 1664525 + 1013904223;
    slot = &mine[(random >> 8) % 100];
    free(*slot);
    *slot = malloc((random >> 16) % 2000);
  }
  for (int i = 0; i < 100; i++) free(mine[i]);
  return NULL;
}

static void threads(void) {
  pthread_t thread[THREADS];
  for (intptr_t i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, work, (void *)(i + 1));
  for (int i = 0; i < SWITCHES; i++) {
    option_set("HAKMEM_TINY_SLL_VALIDATE_HDR", i % 2 ? "0" : "1");
    usleep(5000);
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
}

static void tell_count(void) {
  uint64_t n = 99;
  printf("count: %s", counter && !counter("front.violations", &n) ? "" : "there is none ");
  printf("%d\n", (int)n);
}

int main(int argc, char **argv) {
  static char buffer[1 << 16];
  (void)argc;
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  option_set = (int (*)(const char *, const char *))dlsym(RTLD_DEFAULT, "hak_option_set");
  counter = (int (*)(const char *, uint64_t *))dlsym(RTLD_DEFAULT, "hak_counter");
  heap_check = (int (*)(void))dlsym(RTLD_DEFAULT, "hak_check");
  for (word = argv + 1; *word;) {
    const char *what = next_word();
    if (!strcmp(what, "duplicate")) duplicate();
    else if (!strcmp(what, "interior")) interior();
    else if (!strcmp(what, "stateless")) stateless();
    else if (!strcmp(what, "deep")) printf("deep: %d\n", deep(next_number()));
    else if (!strcmp(what, "distinct")) distinct();
    else if (!strcmp(what, "give")) give();
    else if (!strcmp(what, "take")) take();
    else if (!strcmp(what, "threads")) threads();
    else if (!strcmp(what, "set"))
      printf("set: %d\n", option_set("HAKMEM_TINY_SLL_VALIDATE_HDR", next_word()));
    else if (!strcmp(what, "count")) tell_count();
    else if (!strcmp(what, "check")) printf("check: %d\n", heap_check ? heap_check() : 99);
    else return 2;
  }
  return 0;
}
