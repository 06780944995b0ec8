/* calloc - zeroed, also where dirty memory is reused; products that overflow are refused. */
#include "api.h"

/* Sizes across all tiers, with odd ones between the classes. */
static size_t next_size(size_t n) {
  return n < 64 ? n + 1 : n + n / 5 + 3;
}

static void zeroed_fresh(void) {
  test_begin("calloc: fresh blocks of 1..16 MiB are zero to the last usable byte");
  for (size_t n = 1; n <= 16 * MIB; n = next_size(n)) {
    unsigned char *p = opaque_ptr(calloc(1, opaque(n)));
    CHECK_MSG(p && api_zero(p, malloc_usable_size(p)), "%zu bytes are not zero", n);
    free(p);
  }
  test_end();
}

/* Fills and frees many blocks of a size, then lets calloc reuse them. */
static void dirty_then_calloc(size_t n, size_t count) {
  unsigned char *dirty[64], *clean[64];
  for (size_t i = 0; i < count; i++) {
    dirty[i] = opaque_ptr(malloc(opaque(n)));
    CHECK_MSG(dirty[i] != NULL, "no block of %zu bytes", n);
    if (dirty[i]) memset(dirty[i], 0xA5, malloc_usable_size(dirty[i]));
  }
  for (size_t i = 0; i < count; i++) free(dirty[i]);
  for (size_t i = 0; i < count; i++) {
    clean[i] = opaque_ptr(calloc(opaque(1), opaque(n)));
    CHECK_MSG(clean[i] && api_zero(clean[i], n), "%zu bytes, reused, are not zero", n);
  }
  for (size_t i = 0; i < count; i++) free(clean[i]);
}

static void zeroed_reused(void) {
  test_begin("calloc: blocks of 1..16 MiB are zero where dirty ones were just freed");
  for (size_t n = 1; n <= 16 * MIB; n = next_size(n)) {
    size_t count = n <= 64 * KIB ? 64 : n <= MIB ? 8 : 2;
    dirty_then_calloc(n, count);
  }
  test_end();
}

/* Dirty memory of one size comes back as another: a recycled slab, run or mapping. */
static void zeroed_recycled(void) {
  test_begin("calloc: zero where dirty memory of another size is recycled");
  for (size_t from = 0; from < COUNT_OF(api_tiers); from++) {
    for (size_t to = 0; to < COUNT_OF(api_tiers); to++) {
      dirty_then_calloc(api_tiers[from], 16);
      dirty_then_calloc(api_tiers[to], 16);
    }
  }
  test_end();
}

/* A huge block that shrank and grew again holds old content beyond the new end. */
static void zeroed_after_realloc(void) {
  test_begin("calloc: zero after realloc has shrunk and freed a dirty block");
  for (size_t n = 2 * KIB; n <= 16 * MIB; n *= 2) {
    unsigned char *p = opaque_ptr(malloc(opaque(n)));
    unsigned char *clean;
    memset(p, 0xA5, n);
    p = opaque_ptr(realloc(p, opaque(n / 2)));
    free(p);
    clean = opaque_ptr(calloc(n / 8, opaque(8)));
    CHECK_MSG(clean && api_zero(clean, n), "%zu bytes are not zero", n);
    free(clean);
  }
  test_end();
}

static void products(void) {
  test_begin("calloc: count * size bytes are usable and zero, whichever factor is which");
  for (size_t count = 1; count <= 5000; count += count / 3 + 1) {
    for (size_t size = 1; size <= 5000; size += size / 3 + 1) {
      unsigned char *p = opaque_ptr(calloc(opaque(count), opaque(size)));
      CHECK_MSG(p && malloc_usable_size(p) >= count * size, "%zu * %zu is too small", count, size);
      CHECK_MSG(p && api_zero(p, count * size), "%zu * %zu is not zero", count, size);
      free(p);
    }
  }
  test_end();
}

static void overflow(void) {
  static const size_t factors[][2] = {
      {SIZE_MAX, 2},           {2, SIZE_MAX},          {SIZE_MAX, SIZE_MAX},
      {SIZE_MAX / 2 + 1, 2},   {(size_t)1 << 32, (size_t)1 << 32},
      {SIZE_MAX / 16 + 1, 16}, {16, SIZE_MAX / 16 + 1}, {SIZE_MAX / 3 + 1, 3},
      {((size_t)1 << 32) + 1, ((size_t)1 << 32) - 1}, {PTRDIFF_MAX / 2 + 1, 2},
  };
  test_begin("calloc: a product that overflows or exceeds PTRDIFF_MAX is NULL with ENOMEM");
  for (size_t i = 0; i < COUNT_OF(factors); i++) {
    void *p;
    errno = 0;
    p = opaque_ptr(calloc(opaque(factors[i][0]), opaque(factors[i][1])));
    CHECK_MSG(!p && errno == ENOMEM, "calloc(%zu, %zu) gave %p, errno %d", factors[i][0],
              factors[i][1], p, errno);
    free(p);
  }
  test_end();
}

static void nothing(void) {
  void *p, *q, *r;
  test_begin("calloc: with a factor of 0 it gives a pointer of its own");
  p = opaque_ptr(calloc(opaque(0), opaque(0)));
  q = opaque_ptr(calloc(opaque(0), opaque(SIZE_MAX)));
  r = opaque_ptr(calloc(opaque(SIZE_MAX), opaque(0)));
  CHECK(p && q && r && p != q && q != r && p != r);
  free(p);
  free(q);
  free(r);
  test_end();
}

int main(void) {
  api_served();
  zeroed_fresh();
  zeroed_reused();
  zeroed_recycled();
  zeroed_after_realloc();
  products();
  overflow();
  nothing();
  return api_close();
}
