/* misuse - every error of the caller ends in one line that names the address, and in SIGABRT.
 *
 * Each misuse happens in a child of its own, whose stderr is read.
 */
#include "../api/api.h"

#include <pthread.h>
#include <regex.h>
#include <stdbool.h>
#include <sys/resource.h>

/* Tells the parent which address the child is about to misuse. */
static void announce(const volatile void *p) {
  *(volatile uintptr_t *)api_note = (uintptr_t)p;
}

static void misuse_free(void *p) {
  announce(p);
  free(opaque_ptr(p));
}

static void misuse_realloc(void *p, size_t size) {
  announce(p);
  opaque_ptr(realloc(opaque_ptr(p), opaque(size)));
}

static void misuse_size(void *p) {
  announce(p);
  opaque(malloc_usable_size(opaque_ptr(p)));
}

/* A block of SIZE bytes that has been written to. */
static char *block(size_t size) {
  char *p = opaque_ptr(malloc(opaque(size)));
  memset(p, 1, size);
  return p;
}

static char in_data[4096] __attribute__((aligned(64))) = {1};

static void free_stack(void) {
  char local[256] __attribute__((aligned(64)));
  memset(local, 1, sizeof local);
  misuse_free(local + 64);
}

static void free_static(void) { misuse_free(in_data + 64); }
static void free_code(void) { misuse_free((void *)(uintptr_t)&free_static); }
static void free_wild(void) { misuse_free((void *)0x1234560); }
static void free_odd_wild(void) { misuse_free((void *)0x1234567); }
static void free_one(void) { misuse_free((void *)1); }
static void free_non_canonical(void) { misuse_free((void *)0xdead000000000010); }
static void free_minus_one(void) { misuse_free((void *)-1); }
static void free_minus_sixteen(void) { misuse_free((void *)-16); }
static void realloc_wild(void) { misuse_realloc((void *)0x1234560, 100); }
static void realloc_static(void) { misuse_realloc(in_data + 64, 100); }
static void realloc_non_canonical(void) { misuse_realloc((void *)0xdead000000000010, 100); }
static void size_wild(void) { misuse_size((void *)0x1234560); }

/* Memory that this process has mapped for itself: nobody's block, though readable. */
static void free_mapping(void) {
  char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  misuse_free(p + 64);
}

static void free_mapping_start(void) {
  misuse_free(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/* The address of the second unit of 64 KiB in a large block. */
static char *inside(char *p) {
  return (char *)(((uintptr_t)p & ~(uintptr_t)65535) + 65536);
}

static void free_inside_large(void) { misuse_free(inside(block(300 * KIB))); }
static void free_inside_huge(void) { misuse_free(inside(block(3 * MIB))); }
static void free_inside_huge_byte(void) { misuse_free(block(3 * MIB) + 16); }
static void free_inside_large_byte(void) { misuse_free(block(300 * KIB) + 16); }
static void realloc_inside_huge(void) { misuse_realloc(inside(block(3 * MIB)), 100); }

/* To sizes for which the block itself would stay where it is, or move with its pages. */
static void grow_inside_huge(void) { misuse_realloc(block(3 * MIB) + 16, 8 * MIB); }
static void narrow_inside_huge(void) { misuse_realloc(block(8 * MIB) + 16, 3 * MIB); }
static void grow_inside_large(void) { misuse_realloc(block(300 * KIB) + 48, 320 * KIB); }

static void free_twice(size_t size) {
  char *p = block(size);
  announce(p);
  free(opaque_ptr(p));
  free(p);
}

static void free_huge_twice(void) { free_twice(3 * MIB); }
static void free_large_twice(void) { free_twice(300 * KIB); }
static void free_64_mib_twice(void) { free_twice(64 * MIB); }

static void free_huge_then_realloc(void) {
  char *p = block(3 * MIB);
  announce(p);
  free(opaque_ptr(p));
  opaque_ptr(realloc(p, opaque(100)));
}

/* A small block freed twice waits in a magazine: it is found when that is flushed. */
static void free_small_twice(size_t size) {
  char *p = block(size);
  announce(p);
  free(opaque_ptr(p));
  free(p);
  malloc_trim(0);
}

static void free_tiny_twice(void) { free_small_twice(100); }
static void free_mid_twice(void) { free_small_twice(20000); }

/* Not the start of a block, but inside a slab of them. */
static void free_inside_tiny(void) {
  misuse_free(block(1000) + 16);
  malloc_trim(0);
}

static void *sleep_briefly(void *unused) {
  usleep(1000);
  return unused;
}

/* Scattered blocks come back one by one in a process of one thread, else sorted by their slabs.
 * Among them one comes again, or one is no start of a block. */
static void scattered(bool threads, bool again) {
  enum { N = 200000, SOME = 30, STRIDE = 9973 };
  static char *all[N];
  pthread_t thread;
  if (threads && pthread_create(&thread, NULL, sleep_briefly, NULL) == 0)
    pthread_join(thread, NULL);
  for (size_t i = 0; i < N; i++) all[i] = opaque_ptr(malloc(opaque(64)));
  malloc_trim(0);
  for (size_t i = 0; i < SOME; i++) {
    char *p = all[i * STRIDE % N];
    if (i == SOME / 2) announce(again ? p : p + 16);
    free(opaque_ptr(again || i != SOME / 2 ? p : p + 16));
    if (again && i == SOME / 2) free(opaque_ptr(p));
  }
  malloc_trim(0);
}

static void scattered_again(void) { scattered(false, true); }
static void scattered_inside(void) { scattered(false, false); }
static void sorted_again(void) { scattered(true, true); }
static void sorted_inside(void) { scattered(true, false); }

/* What the middle of the line must say. */
#define OWNERLESS \
  " of a pointer that no allocator owns: a large block freed already, or never a block"
#define NOBODY "free" OWNERLESS
#define NOBODY_REALLOC "realloc" OWNERLESS
#define NOBODY_SIZE "malloc_usable_size" OWNERLESS
#define MIDDLE "(free|realloc) of a pointer into the middle of a block[a-z, ]*"
#define INSIDE "(free|realloc) of a block that is free already, or of an address inside a block"
#define TWICE "((free|realloc).*(freed already|free already)|double free).*"

static const struct {
  const char *name, *says;
  void (*run)(void);
} misuses[] = {
    {"free of a stack address", NOBODY, free_stack},
    {"free of a static variable", NOBODY, free_static},
    {"free of a function's address", NOBODY, free_code},
    {"free of 0x1234560, which is not mapped", NOBODY, free_wild},
    {"free of 0x1234567, which is odd as well", NOBODY, free_odd_wild},
    {"free of 1", NOBODY, free_one},
    {"free of 0xdead000000000010, which no address can be", NOBODY, free_non_canonical},
    {"free of -1", NOBODY, free_minus_one},
    {"free of -16", NOBODY, free_minus_sixteen},
    {"free inside a mapping of the program's own", NOBODY, free_mapping},
    {"free of the start of a mapping of the program's own", NOBODY, free_mapping_start},
    {"realloc of an address that is not mapped", NOBODY_REALLOC, realloc_wild},
    {"realloc of a static variable", NOBODY_REALLOC, realloc_static},
    {"realloc of what no address can be", NOBODY_REALLOC, realloc_non_canonical},
    {"malloc_usable_size of an address that is not mapped", NOBODY_SIZE, size_wild},
    {"free of the second 64 KiB of a block of 300 KiB", INSIDE, free_inside_large},
    {"free of the second 64 KiB of a block of 3 MiB", INSIDE, free_inside_huge},
    {"free of byte 16 of a block of 300 KiB", MIDDLE, free_inside_large_byte},
    {"free of byte 16 of a block of 3 MiB", MIDDLE, free_inside_huge_byte},
    {"realloc of the second 64 KiB of a block of 3 MiB", INSIDE, realloc_inside_huge},
    {"realloc of byte 16 of a block of 3 MiB to 8 MiB", MIDDLE, grow_inside_huge},
    {"realloc of byte 16 of a block of 8 MiB to 3 MiB", MIDDLE, narrow_inside_huge},
    {"realloc of byte 48 of a block of 300 KiB to 320 KiB", MIDDLE, grow_inside_large},
    {"free of byte 16 of a block of 1,000, then a flush", MIDDLE, free_inside_tiny},
    {"free of a block of 100 bytes, twice, then a flush", TWICE, free_tiny_twice},
    {"free of a block of 20,000 bytes, twice, then a flush", TWICE, free_mid_twice},
    {"free of one of 30 scattered blocks, twice, then a flush", TWICE, scattered_again},
    {"free of byte 16 of one of 30 scattered blocks", MIDDLE, scattered_inside},
    {"the first after a thread, so that blocks are sorted", TWICE, sorted_again},
    {"the second after a thread", MIDDLE, sorted_inside},
    {"free of a block of 300 KiB, twice", TWICE, free_large_twice},
    {"free of a block of 3 MiB, twice", TWICE, free_huge_twice},
    {"free of a block of 64 MiB, twice", TWICE, free_64_mib_twice},
    {"realloc of a block of 3 MiB that is free", TWICE, free_huge_then_realloc},
};

/* Is TEXT exactly one line, of the form "hakmem: SAYS: ADDRESS"? */
static int is_report(const char *text, const char *says, uintptr_t address) {
  char pattern[256];
  regex_t regex;
  int matches;
  snprintf(pattern, sizeof pattern, "^hakmem: %s: 0x%jx\n$", says, (uintmax_t)address);
  if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) return 0;
  matches = regexec(&regex, text, 0, NULL, 0) == 0;
  regfree(&regex);
  return matches && strchr(text, '\n') == text + strlen(text) - 1;
}

static void each_misuse(void) {
  char text[4096], name[128];
  for (size_t i = 0; i < COUNT_OF(misuses); i++) {
    int status, reported;
    snprintf(name, sizeof name, "%s: one line with the address, SIGABRT", misuses[i].name);
    test_begin(name);
    announce(NULL);
    status = api_capture(misuses[i].run, STDERR_FILENO, text, sizeof text);
    reported = is_report(text, misuses[i].says, *(uintptr_t *)api_note);
    api_one_line(text);
    CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
              "wait status 0x%x, stderr: %.200s", (unsigned)status, text);
    CHECK_MSG(reported, "the address was 0x%jx, stderr: %.200s",
              (uintmax_t)*(uintptr_t *)api_note, text);
    test_end();
  }
}

static void nothing(void) {
  free(NULL);
  free(opaque_ptr(block(3 * MIB)));
}

/* The counterpart: what is right ends quietly, so the lines above have their cause. */
static void correct_use(void) {
  char text[4096];
  int status;
  test_begin("free of NULL and of a block: no line, status 0");
  status = api_capture(nothing, STDERR_FILENO, text, sizeof text);
  CHECK_MSG(status == 0 && text[0] == 0, "status 0x%x, stderr: %.200s", (unsigned)status, text);
  test_end();
}

int main(int argc, char **argv) {
  static const struct rlimit no_core = {0, 0};
  (void)argc;
  api_preload(argv);
  setrlimit(RLIMIT_CORE, &no_core);
  api_note_open();
  api_served();
  each_misuse();
  correct_use();
  return api_close();
}
