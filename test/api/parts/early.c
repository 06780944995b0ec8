/* early - a library that is set up before a preloaded one and taken down after it: the loader
 * starts the last of its list first. It allocates at both times, and reports in main between. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void early_main(void);

static const size_t sizes[] = {1, 100, 1024, 20000, 100000, 300 * 1024, 3145728};

#define COUNT (sizeof sizes / sizeof sizes[0])

static char *left[COUNT];

static void say(const char *word) {
  if (write(STDOUT_FILENO, word, strlen(word)) < 0) _exit(3);
}

static void leave(int fill) {
  for (size_t i = 0; i < COUNT; i++) {
    left[i] = malloc(sizes[i]);
    if (!left[i] || (uintptr_t)left[i] % 16) _exit(4);
    memset(left[i], fill, sizes[i]);
  }
}

/* Checks what was left with FILL; every second block grows before it is freed. */
static void take_over(int fill) {
  for (size_t i = 0; i < COUNT; i++) {
    char *p = left[i], *zero;
    if (i % 2) p = realloc(p, sizes[i] * 2);
    if (!p || p[0] != fill || p[sizes[i] - 1] != fill) _exit(5);
    free(p);
    zero = calloc(1, sizes[i]);
    if (!zero || zero[0] || zero[sizes[i] - 1]) _exit(6);
    free(zero);
  }
}

__attribute__((constructor)) static void set_up(void) {
  leave('c');
  say("constructor ");
}

void early_main(void) {
  take_over('c');
  leave('m');
  say("main ");
}

__attribute__((destructor)) static void take_down(void) {
  take_over('m');
  leave('d');
  take_over('d');
  say("destructor");
}
