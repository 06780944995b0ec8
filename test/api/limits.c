/* limits - sizes that cannot be: ENOMEM from every function, and nothing else changes. */
#include "api.h"

static const size_t too_big[] = {
    (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX + 4096, SIZE_MAX / 2 + 65536, SIZE_MAX - 4194304,
    SIZE_MAX - 65536,        SIZE_MAX - 4096,            SIZE_MAX - 4095,      SIZE_MAX - 64,
    SIZE_MAX - 16,           SIZE_MAX - 15,              SIZE_MAX - 7,         SIZE_MAX - 1,
    SIZE_MAX,                (size_t)PTRDIFF_MAX,        (size_t)PTRDIFF_MAX - 4096,
    ((size_t)1 << 48) + 1, /* fits in no address space of 47 bits */
};

static void *by_malloc(size_t n) { return malloc(n); }
static void *by_calloc(size_t n) { return calloc(1, n); }
static void *by_calloc_bytes(size_t n) { return calloc(n, 1); }
static void *by_realloc(size_t n) { return realloc(NULL, n); }
static void *by_reallocarray(size_t n) { return reallocarray(NULL, n, 1); }
static void *by_aligned_alloc(size_t n) { return aligned_alloc(16, n); }
static void *by_aligned_alloc_page(size_t n) { return aligned_alloc(4096, n); }
static void *by_aligned_alloc_huge(size_t n) { return aligned_alloc(4 * MIB, n); }
static void *by_memalign(size_t n) { return memalign(64, n); }
static void *by_memalign_huge(size_t n) { return memalign(opaque((size_t)1 << 40), n); }
static void *by_valloc(size_t n) { return valloc(n); }
static void *by_pvalloc(size_t n) { return pvalloc(n); }

static const struct {
  const char *name;
  void *(*get)(size_t n);
} ways[] = {
    {"malloc", by_malloc},
    {"calloc(1, n)", by_calloc},
    {"calloc(n, 1)", by_calloc_bytes},
    {"realloc(NULL, n)", by_realloc},
    {"reallocarray(NULL, n, 1)", by_reallocarray},
    {"aligned_alloc(16, n)", by_aligned_alloc},
    {"aligned_alloc(4096, n)", by_aligned_alloc_page},
    {"aligned_alloc(4 MiB, n)", by_aligned_alloc_huge},
    {"memalign(64, n)", by_memalign},
    {"memalign(1 TiB, n)", by_memalign_huge},
    {"valloc", by_valloc},
    {"pvalloc", by_pvalloc},
};

static void refuse_all(void) {
  char name[128];
  for (size_t w = 0; w < COUNT_OF(ways); w++) {
    snprintf(name, sizeof name, "%s: a size that cannot be is NULL with ENOMEM", ways[w].name);
    test_begin(name);
    for (size_t i = 0; i < COUNT_OF(too_big); i++) {
      void *p;
      errno = 0;
      p = opaque_ptr(ways[w].get(opaque(too_big[i])));
      CHECK_MSG(!p && errno == ENOMEM, "size %zu gave %p, errno %d", too_big[i], p, errno);
    }
    test_end();
  }
}

static void posix_memalign_errors(void) {
  static const size_t bad[] = {0, 1, 2, 4, 3, 6, 12, 24, 48, 4097, 65537, SIZE_MAX, SIZE_MAX - 7};
  char mark;
  void *p = &mark;
  test_begin("posix_memalign: ENOMEM for a size that cannot be; errno and the result are left");
  for (size_t align = 8; align <= 4 * MIB; align *= 8) {
    for (size_t i = 0; i < COUNT_OF(too_big); i++) {
      int error;
      errno = 4711;
      error = posix_memalign(&p, align, opaque(too_big[i]));
      CHECK_MSG(error == ENOMEM, "alignment %zu, size %zu: %d", align, too_big[i], error);
      CHECK_MSG(errno == 4711, "errno became %d", errno);
      CHECK_MSG(p == &mark, "the result became %p", p);
      p = &mark;
    }
  }
  test_end();
  test_begin("posix_memalign: EINVAL for a bad alignment; errno and the result are left");
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    int error;
    errno = 4711;
    error = posix_memalign(&p, opaque(bad[i]), 100);
    CHECK_MSG(error == EINVAL, "alignment %zu: %d", bad[i], error);
    CHECK_MSG(errno == 4711 && p == &mark, "errno became %d, the result %p", errno, p);
  }
  test_end();
  test_begin("posix_memalign: errno is left when it succeeds");
  for (size_t i = 0; i < COUNT_OF(api_tiers); i++) {
    errno = 4711;
    CHECK(posix_memalign(&p, 64, api_tiers[i]) == 0 && errno == 4711);
    free(p);
  }
  test_end();
}

static void aligned_alloc_errors(void) {
  static const size_t bad[] = {0, 3, 5, 6, 7, 12, 24, 48, 100, 4097, 65537, SIZE_MAX};
  test_begin("aligned_alloc: an alignment that is no power of two is NULL with EINVAL");
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    void *p;
    errno = 0;
    p = opaque_ptr(aligned_alloc(opaque(bad[i]), opaque(96)));
    CHECK_MSG(!p && errno == EINVAL, "alignment %zu gave %p, errno %d", bad[i], p, errno);
    free(p);
  }
  test_end();
  test_begin("memalign: an alignment that is no power of two is refused or rounded up to one");
  for (size_t i = 1; i + 1 < COUNT_OF(bad); i++) {
    size_t power = 1;
    void *p;
    while (power < bad[i]) power *= 2;
    errno = 0;
    p = opaque_ptr(memalign(opaque(bad[i]), opaque(96)));
    CHECK_MSG(p ? (uintptr_t)p % power == 0 : errno == EINVAL, "alignment %zu gave %p, errno %d",
              bad[i], p, errno);
    free(p);
  }
  test_end();
  test_begin("aligned functions: alignments no address space holds are NULL with an error");
  for (size_t align = (size_t)1 << 47; align != 0; align <<= 1) {
    void *p;
    errno = 0;
    p = opaque_ptr(aligned_alloc(opaque(align), 16));
    CHECK_MSG(!p && (errno == ENOMEM || errno == EINVAL), "%zu gave %p, errno %d", align, p, errno);
    errno = 0;
    p = opaque_ptr(memalign(opaque(align), 16));
    CHECK_MSG(!p && (errno == ENOMEM || errno == EINVAL), "%zu gave %p, errno %d", align, p, errno);
  }
  test_end();
}

/* A failing realloc of each tier: the block stays, with its content, and can be used on. */
static void realloc_keeps(void) {
  test_begin("realloc: a size that cannot be is ENOMEM and leaves the block as it is");
  for (size_t t = 0; t < COUNT_OF(api_tiers); t++) {
    struct block b = block_take(malloc(opaque(api_tiers[t])), api_tiers[t], 16, t);
    for (size_t i = 0; i < COUNT_OF(too_big); i++) {
      void *p;
      errno = 0;
      p = opaque_ptr(realloc(opaque_ptr(b.p), opaque(too_big[i])));
      CHECK_MSG(!p && errno == ENOMEM, "realloc to %zu: %p, errno %d", too_big[i], p, errno);
      CHECK_MSG(malloc_usable_size(b.p) == b.usable, "the usable size changed");
      block_verify(&b);
    }
    b.p = opaque_ptr(realloc(opaque_ptr(b.p), opaque(api_tiers[t] + 100)));
    CHECK_MSG(api_intact(b.p, b.usable, b.size, b.key), "the next realloc lost the content");
    free(b.p);
  }
  test_end();
}

static void reallocarray_keeps(void) {
  static const size_t factors[][2] = {
      {SIZE_MAX, 2}, {2, SIZE_MAX}, {SIZE_MAX / 16 + 1, 16}, {(size_t)1 << 32, (size_t)1 << 32},
      {(size_t)PTRDIFF_MAX, 1}, {SIZE_MAX / 2 + 2, 2}};
  test_begin("reallocarray: a product that overflows is ENOMEM and leaves the block as it is");
  for (size_t t = 0; t < COUNT_OF(api_tiers); t++) {
    struct block b = block_take(malloc(opaque(api_tiers[t])), api_tiers[t], 16, t);
    for (size_t i = 0; i < COUNT_OF(factors); i++) {
      void *p;
      errno = 0;
      p = opaque_ptr(b.p);
      p = opaque_ptr(reallocarray(p, opaque(factors[i][0]), opaque(factors[i][1])));
      CHECK_MSG(!p && errno == ENOMEM, "%zu * %zu: %p, errno %d", factors[i][0], factors[i][1], p,
                errno);
      block_verify(&b);
    }
    free(b.p);
  }
  test_end();
}

int main(void) {
  api_served();
  refuse_all();
  posix_memalign_errors();
  aligned_alloc_errors();
  realloc_keeps();
  reallocarray_keeps();
  return api_close();
}
