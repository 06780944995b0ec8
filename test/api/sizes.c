/* sizes - every size, by every function that gives a block: aligned, large enough, unshared. */
#include "api.h"

#define SWEEP 4101 /* sizes 0..4,100 */
#define WINDOW 12  /* big blocks alive at once */

static void *by_malloc(size_t n) { return malloc(n); }
static void *by_calloc(size_t n) { return calloc(1, n); }
static void *by_calloc_bytes(size_t n) { return calloc(n, 1); }
static void *by_realloc(size_t n) { return realloc(NULL, n); }
static void *by_reallocarray(size_t n) { return reallocarray(NULL, n, 1); }
static void *by_aligned_alloc(size_t n) { return aligned_alloc(16, n); }
static void *by_memalign(size_t n) { return memalign(8, n); }
static void *by_valloc(size_t n) { return valloc(n); }
static void *by_pvalloc(size_t n) { return pvalloc(n); }

static void *by_posix_memalign(size_t n) {
  void *p = NULL;
  return posix_memalign(&p, sizeof(void *), n) == 0 ? p : NULL;
}

struct way {
  const char *name;
  void *(*get)(size_t n);
};

static const struct way ways[] = {
    {"malloc", by_malloc},
    {"calloc(1, n)", by_calloc},
    {"calloc(n, 1)", by_calloc_bytes},
    {"realloc(NULL, n)", by_realloc},
    {"reallocarray(NULL, n, 1)", by_reallocarray},
    {"aligned_alloc(16, n)", by_aligned_alloc},
    {"memalign(8, n)", by_memalign},
    {"posix_memalign(8, n)", by_posix_memalign},
    {"valloc", by_valloc},
    {"pvalloc", by_pvalloc},
};

static struct block blocks[SWEEP];

/* All sizes of 0..4,100 alive at once, freed in random order. */
static void sweep_small(const struct way *way) {
  char name[128];
  snprintf(name, sizeof name, "%s: sizes 0..4100 are aligned, large enough and apart", way->name);
  test_begin(name);
  for (size_t n = 0; n < SWEEP; n++) blocks[n] = block_take(way->get(opaque(n)), n, 16, n + 1);
  blocks_apart(blocks, SWEEP);
  api_shuffle(blocks, SWEEP, sizeof *blocks, 42);
  for (size_t n = 0; n < SWEEP; n++) {
    block_verify(&blocks[n]);
    free(blocks[n].p);
  }
  test_end();
}

/* Puts a block of N bytes into the window in place of the oldest one. */
static void window_push(const struct way *way, struct block *window, size_t turn, size_t n) {
  struct block sorted[WINDOW];
  struct block *b = &window[turn % WINDOW];
  block_verify(b);
  free(b->p);
  *b = block_take(way->get(opaque(n)), n, 16, turn + 1);
  memcpy(sorted, window, sizeof sorted);
  blocks_apart(sorted, WINDOW);
}

static void window_close(struct block *window) {
  for (size_t i = 0; i < WINDOW; i++) {
    block_verify(&window[i]);
    free(window[i].p);
  }
}

/* The sizes at, just below and just above each power of two up to 64 MiB. */
static void sweep_powers(const struct way *way) {
  static const long offsets[] = {-17, -16, -15, -1, 0, 1, 15, 16, 17};
  struct block window[WINDOW] = {{0}};
  char name[128];
  size_t turn = 0;
  snprintf(name, sizeof name, "%s: sizes around each power of two up to 64 MiB", way->name);
  test_begin(name);
  for (size_t power = 32; power <= 64 * MIB; power *= 2) {
    for (size_t i = 0; i < COUNT_OF(offsets); i++)
      window_push(way, window, turn++, power + (size_t)offsets[i]);
  }
  window_close(window);
  test_end();
}

/* The sizes at, just below and just above each multiple of 64 KiB up to 64 MiB. */
static void sweep_units(const struct way *way) {
  struct block window[WINDOW] = {{0}};
  char name[128];
  size_t turn = 0;
  snprintf(name, sizeof name, "%s: sizes around each multiple of 64 KiB up to 64 MiB", way->name);
  test_begin(name);
  for (size_t n = 64 * KIB; n <= 64 * MIB; n += 64 * KIB) {
    window_push(way, window, turn++, n - 1);
    window_push(way, window, turn++, n);
    window_push(way, window, turn++, n + 1);
  }
  window_close(window);
  test_end();
}

/* Same-sized neighbours, each filled to the last usable byte: a size class that is cut too short
 * shows here, whatever the order of addresses. */
static void neighbours(void) {
  test_begin("64 blocks of one size, filled to the last usable byte, keep their content");
  for (size_t n = 1; n <= 2 * MIB; n += n / 3 + 1) {
    struct block many[64];
    for (size_t i = 0; i < COUNT_OF(many); i++)
      many[i] = block_take(malloc(opaque(n)), n, 16, n + i);
    blocks_apart(many, COUNT_OF(many));
    for (size_t i = 0; i < COUNT_OF(many); i++) {
      block_verify(&many[i]);
      free(many[i].p);
    }
  }
  test_end();
}

static void zero_size(void) {
  struct block many[COUNT_OF(ways) * 100];
  test_begin("a size of 0 gives a pointer of its own each time, from every function");
  for (size_t i = 0; i < COUNT_OF(many); i++)
    many[i] = block_take(ways[i % COUNT_OF(ways)].get(opaque(0)), 0, 16, i);
  blocks_apart(many, COUNT_OF(many));
  for (size_t i = 0; i < COUNT_OF(many); i++) free(many[i].p);
  test_end();
}

int main(void) {
  api_served();
  for (size_t i = 0; i < COUNT_OF(ways); i++) {
    sweep_small(&ways[i]);
    sweep_powers(&ways[i]);
  }
  sweep_units(&ways[0]);
  sweep_units(&ways[3]);
  neighbours();
  zero_size();
  return api_close();
}
