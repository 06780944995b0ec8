/* aligned - every alignment from 1 to 4 MiB and beyond, by every function that takes one. */
#include "api.h"

#define WINDOW 24

static const size_t sizes[] = {
    0,      1,     7,     16,     100,     1000,    1024,        1025,    4096,
    5000,   32768, 40000, 65536,  100000,  262144,  300000,      MIB,     2 * MIB,
    2 * MIB + 1, 5 * MIB,
};

static void *by_aligned_alloc(size_t align, size_t n) { return aligned_alloc(align, n); }
static void *by_memalign(size_t align, size_t n) { return memalign(align, n); }

static void *by_posix_memalign(size_t align, size_t n) {
  void *p = NULL;
  return posix_memalign(&p, align < sizeof p ? sizeof p : align, n) == 0 ? p : NULL;
}

struct way {
  const char *name;
  void *(*get)(size_t align, size_t n);
};

static const struct way ways[] = {
    {"aligned_alloc", by_aligned_alloc},
    {"memalign", by_memalign},
    {"posix_memalign", by_posix_memalign},
};

/* Ends a block of the window: by free, or by a realloc that must keep the content. */
static void retire(struct block *b, size_t turn) {
  unsigned char *p = b->p;
  block_verify(b);
  if (turn % 3 == 0 && p) {
    size_t to = sizes[turn % COUNT_OF(sizes)] + 1;
    size_t kept = to < b->size ? to : b->size;
    p = opaque_ptr(realloc(p, opaque(to)));
    CHECK_MSG(p && api_intact(p, b->usable, kept, b->key), "realloc from %zu to %zu lost content",
              b->size, to);
  }
  free(p);
}

static void every_alignment(const struct way *way) {
  struct block window[WINDOW] = {{0}}, sorted[WINDOW];
  char name[128];
  size_t turn = 0;
  snprintf(name, sizeof name, "%s: alignments 1..4 MiB with sizes 0..5 MiB", way->name);
  test_begin(name);
  for (size_t align = 1; align <= 4 * MIB; align *= 2) {
    for (size_t i = 0; i < COUNT_OF(sizes); i++, turn++) {
      struct block *b = &window[turn % WINDOW];
      retire(b, turn);
      *b = block_take(way->get(opaque(align), opaque(sizes[i])), sizes[i], align, turn);
      CHECK_MSG((uintptr_t)b->p % 16 == 0, "%p is not a multiple of 16", (void *)b->p);
      memcpy(sorted, window, sizeof sorted);
      blocks_apart(sorted, WINDOW);
    }
  }
  for (size_t i = 0; i < WINDOW; i++) retire(&window[i], turn++);
  test_end();
}

/* Many live blocks of one alignment at once, among plain ones of the same size. */
static void among_plain(void) {
  test_begin("memalign: 40 blocks of an alignment among 40 plain ones stay apart");
  for (size_t align = 32; align <= 64 * KIB; align *= 2) {
    for (size_t n = 1; n <= 100000; n = n * 5 + 7) {
      struct block many[80];
      for (size_t i = 0; i < COUNT_OF(many); i++) {
        int plain = (int)(i & 1);
        void *p = plain ? malloc(opaque(n)) : memalign(opaque(align), opaque(n));
        many[i] = block_take(p, n, plain ? 16 : align, i);
      }
      blocks_apart(many, COUNT_OF(many));
      api_shuffle(many, COUNT_OF(many), sizeof *many, n);
      for (size_t i = 0; i < COUNT_OF(many); i++) {
        block_verify(&many[i]);
        free(many[i].p);
      }
    }
  }
  test_end();
}

static void beyond(void) {
  test_begin("aligned functions: alignments of 8 MiB to 1 GiB");
  for (size_t w = 0; w < COUNT_OF(ways); w++) {
    for (size_t align = 8 * MIB; align <= 1024 * MIB; align *= 2) {
      struct block a = block_take(ways[w].get(opaque(align), 100), 100, align, w);
      struct block b = block_take(ways[w].get(opaque(align), 3 * MIB), 3 * MIB, align, w + 9);
      struct block both[2];
      both[0] = a;
      both[1] = b;
      blocks_apart(both, 2);
      block_verify(&a);
      block_verify(&b);
      free(a.p);
      free(b.p);
    }
  }
  test_end();
}

/* What an aligned block needed around it is given back with it. */
static void no_leak(void) {
  size_t before = 0, after;
  test_begin("aligned functions: 3,000 blocks of each large alignment leave no memory behind");
  for (int i = 0; i < 3000; i++) {
    if (i == 300) before = api_resident();
    for (size_t align = 4 * KIB; align <= 4 * MIB; align *= 8) {
      size_t n = 1 + (size_t)i * 37 % 70000;
      unsigned char *p = opaque_ptr(memalign(opaque(align), opaque(n)));
      CHECK_MSG(p && (uintptr_t)p % align == 0, "%zu bytes at %p, not a multiple of %zu", n,
                (void *)p, align);
      if (p) p[0] = p[n - 1] = 1;
      free(p);
    }
  }
  after = api_resident();
  CHECK_MSG(after < before + 16 * MIB, "resident memory grew by %zu KiB", (after - before) / KIB);
  test_end();
}

static void pages(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  test_begin("valloc and pvalloc: at a page; pvalloc's size in whole pages");
  for (size_t n = 0; n <= 3 * MIB; n = n < 20000 ? n + 97 : n + n / 3) {
    struct block v = block_take(valloc(opaque(n)), n, page, n);
    struct block p = block_take(pvalloc(opaque(n)), (n + page - 1) / page * page, page, n + 1);
    struct block both[2];
    both[0] = v;
    both[1] = p;
    blocks_apart(both, 2);
    block_verify(&v);
    block_verify(&p);
    free(v.p);
    free(p.p);
  }
  test_end();
}

int main(void) {
  api_served();
  for (size_t i = 0; i < COUNT_OF(ways); i++) every_alignment(&ways[i]);
  among_plain();
  beyond();
  no_leak();
  pages();
  return api_close();
}
