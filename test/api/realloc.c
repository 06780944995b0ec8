/* realloc - contents, tiers, sizes of 0, growing in place, giving back. */
#include "api.h"

#include <pthread.h>

static const size_t sizes[] = {
    1,     8,     15,    16,     17,     31,     100,     128,     129,     1000,    1024,
    1025,  2048,  4096,  8192,   30000,  32768,  32769,   65536,   65537,   100000,  262144,
    262145, 300000, MIB, 2 * MIB, 2 * MIB + 1, 3 * MIB, 4 * MIB, 5 * MIB, 16 * MIB,
};

/* Moves a block from FROM to TO bytes between two neighbours that must not notice. */
static void move(size_t from, size_t to) {
  struct block before = block_take(malloc(opaque(from)), from, 16, 1);
  struct block b = block_take(malloc(opaque(from)), from, 16, 2);
  struct block after = block_take(malloc(opaque(to)), to, 16, 3);
  struct block all[3];
  size_t kept = from < to ? from : to;
  unsigned char *p = opaque_ptr(realloc(b.p, opaque(to)));
  CHECK_MSG(p && api_intact(p, b.usable, kept, b.key), "content lost from %zu to %zu", from, to);
  b = block_take(p, to, 16, 4);
  all[0] = before;
  all[1] = b;
  all[2] = after;
  blocks_apart(all, 3);
  for (size_t i = 0; i < 3; i++) {
    block_verify(&all[i]);
    free(all[i].p);
  }
}

static void every_pair(void) {
  test_begin("realloc: content is kept between every two of 31 sizes of all tiers");
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    for (size_t j = 0; j < COUNT_OF(sizes); j++) move(sizes[i], sizes[j]);
  }
  test_end();
}

static void every_small_pair(void) {
  test_begin("realloc: content is kept between every two sizes of 1..130 bytes");
  for (size_t i = 1; i <= 130; i++) {
    for (size_t j = 1; j <= 130; j++) move(i, j);
  }
  test_end();
}

/* A block that grows and shrinks by steps keeps what it held all along. */
static void long_walk(void) {
  uint64_t seed = 7;
  struct block b = block_take(malloc(1), 1, 16, 1);
  test_begin("realloc: a block survives 3,000 random changes of its size");
  for (int i = 0; i < 3000; i++) {
    size_t to = (size_t)1 + api_random(&seed) % ((size_t)1 << (1 + api_random(&seed) % 22));
    size_t kept = b.size < to ? b.size : to;
    unsigned char *p = opaque_ptr(realloc(b.p, opaque(to)));
    CHECK_MSG(api_intact(p, b.usable, kept, b.key), "content lost from %zu to %zu", b.size, to);
    b = block_take(p, to, 16, (uint64_t)i);
  }
  free(b.p);
  test_end();
}

static void null_is_malloc(void) {
  test_begin("realloc(NULL, n) is malloc(n)");
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    struct block b = block_take(realloc(NULL, opaque(sizes[i])), sizes[i], 16, i);
    block_verify(&b);
    free(b.p);
  }
  test_end();
}

/* Blocks of all tiers, 48 MiB in each round, gone by realloc(p, 0). */
static void zero_frees(void) {
  size_t before = 0, after;
  test_begin("realloc(p, 0) frees the block and returns NULL");
  for (int round = 0; round < 60; round++) {
    if (round == 10) before = api_resident();
    for (size_t t = 0; t < COUNT_OF(api_tiers); t++) {
      size_t n = api_tiers[t], count = 4 * MIB / n < 1000 ? 4 * MIB / n : 1000;
      for (size_t i = 0; i < count; i++) {
        void *p = opaque_ptr(malloc(opaque(n)));
        memset(p, 1, n);
        p = opaque_ptr(realloc(p, opaque(0)));
        CHECK_MSG(p == NULL, "realloc of %zu bytes to 0 gave %p", n, p);
      }
    }
  }
  after = api_resident();
  CHECK_MSG(after < before + 16 * MIB, "resident memory grew by %zu KiB", (after - before) / KIB);
  CHECK_MSG(reallocarray(opaque_ptr(malloc(100)), opaque(0), 8) == NULL, "reallocarray(p, 0, 8)");
  CHECK_MSG(reallocarray(opaque_ptr(malloc(100)), 8, opaque(0)) == NULL, "reallocarray(p, 8, 0)");
  test_end();
}

static void usable_stays(void) {
  test_begin("realloc: growing to malloc_usable_size never moves the block");
  for (size_t n = 0; n <= 20 * MIB; n = n < 4200 ? n + 1 : n + n / 9) {
    unsigned char *p = opaque_ptr(malloc(opaque(n)));
    size_t usable = malloc_usable_size(p);
    uintptr_t old = (uintptr_t)p;
    p = opaque_ptr(realloc(p, usable ? usable : 1));
    CHECK_MSG((uintptr_t)p == old || usable == 0, "%zu bytes moved, growing to %zu", n, usable);
    CHECK_MSG(malloc_usable_size(p) >= usable, "usable size fell from %zu", usable);
    free(p);
  }
  test_end();
}

static void same_size(void) {
  test_begin("realloc: to the size it has already, a block stays where it is");
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    void *p = opaque_ptr(malloc(opaque(sizes[i])));
    uintptr_t old = (uintptr_t)p;
    p = opaque_ptr(realloc(p, opaque(sizes[i])));
    CHECK_MSG((uintptr_t)p == old, "%zu bytes moved", sizes[i]);
    free(p);
  }
  test_end();
}

/* A string that grew by doubling and is cut to its length. */
static void cut_to_length(void) {
  test_begin("realloc: a block that is cut keeps a third of what is used for nothing at most");
  for (size_t n = 100; n <= 250 * KIB; n += n / 9) {
    for (size_t kept = n / 2; kept < n; kept += n / 20) {
      void *p = opaque_ptr(realloc(opaque_ptr(malloc(opaque(n))), opaque(kept)));
      size_t usable = malloc_usable_size(p);
      CHECK_MSG(usable <= kept + kept / 3 + 32, "%zu of %zu bytes keep %zu", kept, n, usable);
      free(p);
    }
  }
  test_end();
}

/* A string to which a byte at a time is appended. */
static void grows_by_little(void) {
  unsigned char *p = opaque_ptr(malloc(1));
  unsigned moves = 0;
  test_begin("realloc: from 1 byte to 32 KiB by single bytes a block moves 28 times at most, keeps "
             "a third of what is used for nothing at most, and stays where it moved to");
  for (size_t n = 2; n <= 32 * KIB; n++) {
    uintptr_t old = (uintptr_t)p, now;
    size_t usable;
    p = opaque_ptr(realloc(p, opaque(n)));
    if ((uintptr_t)p == old) continue;
    moves++;
    now = (uintptr_t)p;
    usable = malloc_usable_size(p);
    CHECK_MSG(usable <= n + n / 3 + 32, "%zu bytes have %zu", n, usable);
    p = opaque_ptr(realloc(p, opaque(n)));
    CHECK_MSG((uintptr_t)p == now, "%zu bytes of %zu moved again", n, usable);
  }
  CHECK_MSG(moves <= 28, "it moved %u times", moves);
  free(p);
  test_end();
}

/* A vector that doubles, or grows by half. */
static void grows_by_much(void) {
  test_begin("realloc: a block that grows by half or doubles gets no more than malloc gives");
  for (size_t n = 100; n <= 20 * KIB; n += n / 9) {
    void *fresh = opaque_ptr(malloc(opaque(n)));
    size_t usable = malloc_usable_size(fresh);
    for (size_t to = usable + usable / 2; to <= 2 * usable; to += usable / 2) {
      void *p = opaque_ptr(realloc(opaque_ptr(malloc(opaque(n))), opaque(to)));
      void *q = opaque_ptr(malloc(opaque(to)));
      CHECK_MSG(malloc_usable_size(p) == malloc_usable_size(q), "%zu to %zu: %zu, malloc %zu", n,
                to, malloc_usable_size(p), malloc_usable_size(q));
      free(p);
      free(q);
    }
    free(fresh);
  }
  test_end();
}

static void shrink_gives_back(void) {
  size_t full, small;
  unsigned char *p = opaque_ptr(malloc(96 * MIB));
  test_begin("realloc: a block shrunk from 96 MiB to 3 MiB gives its memory back");
  memset(p, 1, 96 * MIB);
  full = api_resident();
  p = opaque_ptr(realloc(p, 3 * MIB));
  small = api_resident();
  CHECK_MSG(small + 64 * MIB <= full, "resident: %zu KiB, then %zu", full / KIB, small / KIB);
  free(p);
  test_end();
}

static void aligned_block(void) {
  test_begin("realloc: a block with an alignment keeps its content and stays freeable");
  for (size_t align = 32; align <= 4 * MIB; align *= 4) {
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
      struct block b = block_take(memalign(align, sizes[i]), sizes[i], align, i);
      size_t to = sizes[(i * 7 + 3) % COUNT_OF(sizes)];
      size_t kept = to < b.size ? to : b.size;
      unsigned char *p = opaque_ptr(realloc(b.p, opaque(to)));
      CHECK_MSG(p && api_intact(p, b.usable, kept, b.key), "lost: %zu to %zu, alignment %zu",
                b.size, to, align);
      b = block_take(p, to, 16, i);
      block_verify(&b);
      free(p);
    }
  }
  test_end();
}

static struct block theirs[COUNT_OF(sizes)];

static void *allocate_theirs(void *unused) {
  for (size_t i = 0; i < COUNT_OF(sizes); i++)
    theirs[i] = block_take(malloc(opaque(sizes[i])), sizes[i], 16, i);
  return unused;
}

static void of_another_thread(void) {
  pthread_t thread;
  test_begin("realloc: a block of a thread that has ended keeps its content");
  CHECK(pthread_create(&thread, NULL, allocate_theirs, NULL) == 0);
  pthread_join(thread, NULL);
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    struct block *b = &theirs[i];
    unsigned char *p = opaque_ptr(realloc(b->p, opaque(b->size * 2)));
    CHECK_MSG(p && api_intact(p, b->usable, b->size, b->key), "%zu bytes are lost", b->size);
    free(p);
  }
  test_end();
}

/* Blocks of one class but in use, and of no other to be had, a little growth needs no more. */
static void at_the_limit(void) {
  static void *all[100000];
  size_t n = 0;
  uint64_t nulls, after;
  void *spare = malloc(opaque(1100));
  void *p = malloc(opaque(1024));
  void *q;
  CHILD_CHECK(spare && p);
  for (size_t size = 2 * MIB; size >= 64 * KIB; size /= 2)
    while ((q = opaque_ptr(memalign(4096, size)))) all[n++] = q;
  while (n < COUNT_OF(all) && (q = opaque_ptr(malloc(opaque(16))))) all[n++] = q;
  CHILD_CHECK(api_counter("heap.nulls", &nulls) == 0);
  q = opaque_ptr(realloc(p, opaque(1100)));
  CHILD_CHECK(q != NULL);
  p = opaque_ptr(realloc(all[0], opaque(700 * KIB))); /* shrinks, or stays */
  CHILD_CHECK(p != NULL);
  CHILD_CHECK(api_counter("heap.nulls", &after) == 0 && after == nulls);
}

static void grows_at_the_limit(void) {
  int status;
  if (api_any()) return;
  test_begin("realloc: where only the size itself is to be had, it is, and no NULL is counted");
  setenv("HAKMEM_LIMIT", "4M", 1); /* this process has read its options already */
  status = api_run_anew("limit");
  unsetenv("HAKMEM_LIMIT");
  CHECK_MSG(status == 0, "wait status %#x", (unsigned)status);
  test_end();
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "limit") == 0) {
    api_note_open();
    at_the_limit();
    return 0;
  }
  api_served();
  null_is_malloc();
  every_pair();
  every_small_pair();
  long_walk();
  zero_frees();
  usable_stays();
  same_size();
  cut_to_length();
  grows_by_little();
  grows_by_much();
  grows_at_the_limit();
  shrink_gives_back();
  aligned_block();
  of_another_thread();
  return api_close();
}
