/* ask - makes the requests that its arguments name, and prints what became of each.
 *
 *   malloc N | calloc N M | reallocarray N M | aligned ALIGN N     once
 *   realloc N                      of a block of 3,000,000 bytes, which must stay as it is on NULL
 *   repeat COUNT N                 COUNT mallocs of N, each freed: how many were NULL
 *   fill N                         mallocs of N until NULL, all kept; none of 10,000,000: "endless"
 *   release                        frees what fill kept
 *   churn COUNT LEAST MOST         COUNT mallocs of sizes between, 500 alive: how many were NULL
 *   keep COUNT LEAST MOST          the same, all alive for good
 *   mappings                       uses up the mappings that a process may have
 *   set NAME VALUE                 hak_option_set
 *   reuse FILE                     closes descriptor 2 and opens FILE there, with one line in it
 *   close                          closes descriptor 2
 *   next                           which descriptor the next file gets
 *   inner SIZE                     frees what is no block's start: hakmem ends the program
 *
 * errno is 4242 before each request: on success it must be so still.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { UNTOUCHED = 4242, KEPT_MOST = 10000000, OLD = 3000000, ALIVE = 500 };

static char **word; /* the next argument */

static const char *next_word(void) {
  if (*word) return *word++;
  printf("an argument is missing\n");
  exit(2);
}

static size_t next_number(void) {
  return strtoull(next_word(), NULL, 0);
}

static void told(const char *what, const void *p, int error) {
  const char *name = error == ENOMEM ? "ENOMEM" : error == UNTOUCHED ? "untouched" : "changed";
  printf("%s: %s, errno %s\n", what, p ? "given" : "NULL", name);
}

static void ask_once(const char *what) {
  size_t a = next_number();
  size_t b = strcmp(what, "malloc") ? next_number() : 0;
  char *p = NULL;
  errno = UNTOUCHED;
  if (!strcmp(what, "malloc")) p = malloc(a);
  if (!strcmp(what, "calloc")) p = calloc(a, b);
  if (!strcmp(what, "reallocarray")) p = reallocarray(NULL, a, b);
  if (!strcmp(what, "aligned")) p = aligned_alloc(a, b);
  told(what, p, errno);
  if (p) p[malloc_usable_size(p) - 1] = 1;
  free(p);
}

static void ask_realloc(void) {
  size_t size = next_number();
  char *old = malloc(OLD);
  char *p;
  if (!old) exit(2);
  memset(old, 7, OLD);
  errno = UNTOUCHED;
  p = realloc(old, size);
  told("realloc", p, errno);
  if (!p && (old[0] != 7 || old[OLD - 1] != 7)) printf("realloc: the block was changed\n");
  free(p ? p : old);
}

static void repeat(void) {
  size_t count = next_number();
  size_t size = next_number();
  size_t nulls = 0;
  for (size_t i = 0; i < count; i++) {
    char *p = malloc(size);
    if (p) p[size / 2] = 1;
    nulls += !p;
    free(p);
  }
  printf("repeat: %zu NULL\n", nulls);
}

/* A chain through the blocks themselves: the program keeps no list that could fail. */
static void **chain;

static void fill(void) {
  size_t size = next_number();
  size_t n = 0;
  void **p;
  errno = UNTOUCHED;
  while (n < KEPT_MOST && (p = malloc(size))) {
    *p = chain;
    chain = p;
    n++;
  }
  if (n == KEPT_MOST) printf("fill: endless\n");
  else printf("fill: %zu bytes, errno %s\n", n * size, errno == ENOMEM ? "ENOMEM" : "wrong");
}

static void release(void) {
  while (chain) {
    void **next = *chain;
    free(chain);
    chain = next;
  }
  printf("release: done\n");
}

static void churn(void) {
  static char *kept[ALIVE];
  size_t count = next_number();
  size_t least = next_number();
  size_t span = next_number() - least + 1;
  size_t nulls = 0;
  unsigned random = 1;
  for (size_t i = 0; i < count; i++) {
    char **slot;
    random = random * 1664525 + 1013904223;
    slot = &kept[(random >> 8) % ALIVE];
    free(*slot);
    *slot = malloc(least + (random >> 4) % span);
    if (*slot) **slot = 1;
    nulls += !*slot;
  }
  for (size_t i = 0; i < ALIVE; i++) free(kept[i]), kept[i] = NULL;
  printf("churn: %zu NULL\n", nulls);
}

static void keep(void) {
  size_t count = next_number();
  size_t least = next_number();
  size_t span = next_number() - least + 1;
  size_t nulls = 0;
  for (size_t i = 0; i < count; i++) {
    char *p = malloc(least + i * 7919 % span);
    if (p) *p = 1;
    nulls += !p;
  }
  printf("keep: %zu NULL\n", nulls);
}

/* Every second page with another protection is a mapping of its own. */
static void mappings(void) {
  enum { PAGES = 1 << 21 };
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *p = mmap(NULL, PAGES * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  size_t i = 0;
  if (p == MAP_FAILED) exit(2);
  while (i < PAGES && mprotect(p + i * page, page, PROT_READ) == 0) i += 2;
  /* One page at a time the rest that a last split of two left. */
  while (mmap(NULL, page, i++ % 2 ? PROT_READ : PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) !=
         MAP_FAILED) continue;
  printf("mappings: %s\n", i < PAGES ? "used up" : "endless");
}

static void set(void) {
  int (*option_set)(const char *, const char *) =
      (int (*)(const char *, const char *))dlsym(RTLD_DEFAULT, "hak_option_set");
  const char *name = next_word();
  const char *value = next_word();
  printf("set: %d\n", option_set ? option_set(name, value) : 99);
}

static void reuse(void) {
  static const char line[] = "data of the program\n";
  int fd;
  close(STDERR_FILENO);
  fd = open(next_word(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (fd != STDERR_FILENO || write(fd, line, sizeof line - 1) < 0) exit(2);
  printf("reuse: done\n");
}

static void next(void) {
  int fd = open("/dev/null", O_RDWR);
  printf("next: %d\n", fd);
  close(fd);
}

static void inner(void) {
  char *volatile p = malloc(next_number());
  free(p + 16);
}

int main(int argc, char **argv) {
  static char buffer[4096]; /* stdio must not need memory that cannot be had */
  (void)argc;
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  for (word = argv + 1; *word;) {
    const char *what = next_word();
    if (!strcmp(what, "repeat")) repeat();
    else if (!strcmp(what, "realloc")) ask_realloc();
    else if (!strcmp(what, "fill")) fill();
    else if (!strcmp(what, "release")) release();
    else if (!strcmp(what, "churn")) churn();
    else if (!strcmp(what, "keep")) keep();
    else if (!strcmp(what, "mappings")) mappings();
    else if (!strcmp(what, "set")) set();
    else if (!strcmp(what, "reuse")) reuse();
    else if (!strcmp(what, "close")) close(STDERR_FILENO);
    else if (!strcmp(what, "next")) next();
    else if (!strcmp(what, "inner")) inner();
    else ask_once(what);
  }
  return 0;
}
