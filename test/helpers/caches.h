/* caches - what the tests of the room `front` and of refusals share: I1 seen from outside.
 *
 * Exact only while no other thread runs.
 */
#ifndef HAK_TEST_CACHES_H
#define HAK_TEST_CACHES_H

#include "front/front.h"
#include "helpers/box.h"
#include "pool/huge.h"
#include "pool/keep.h"
#include "pool/run.h"

/* Every *_check() of every room up to the front. */
static inline int check_all(void) {
  return super_check() + pool_check() + run_check() + keep_check() + front_check();
}

/* The violations, with what was said of them, as a failure of the promise under test. */
#define CHECK_ALL()                                                                        \
  do {                                                                                     \
    char told_[2000];                                                                      \
    int found_ = check_aloud(check_all, told_, sizeof told_);                              \
    CHECK_MSG(found_ == 0, "%s:%d: %d violations: %s", __FILE__, __LINE__, found_, told_); \
  } while (0)

static inline unsigned magazine_blocks(const struct thread *t, unsigned class) {
  return thread_cached(t, class);
}

/* Blocks in all magazines and the outbox of one thread. */
static inline unsigned cached_blocks(const struct thread *t) {
  unsigned n = t->out_blocks;
  for (unsigned class = 1; class < CLASSES; class++) n += magazine_blocks(t, class);
  return n;
}

/* Is P a block of a slab that is not free there? */
static inline bool block_is_out(void *p) {
  unsigned code = map_tag(p) & TAG_CODE_MASK;
  struct slab *slab;
  if (!code || code >= TAG_RUN) return false;
  slab = slab_of(p);
  return slab_lends(slab, &class_table[slab_class(slab->state)], p);
}

static inline int compare_pointers(const void *a, const void *b) {
  uintptr_t x = *(const uintptr_t *)a;
  uintptr_t y = *(const uintptr_t *)b;
  return x < y ? -1 : x > y;
}

/* I1 for one thread: each cached block is out of its slab, and cached once. */
static inline void check_cached_once(const struct thread *t) {
  static void *all[CLASSES * MAGAZINE_MAX + OUTBOX_MAX];
  size_t n = 0;
  for (unsigned class = 1; class < CLASSES; class++) {
    for (void **p = t->cell[class].base; p < thread_top(t, class); p++) all[n++] = *p;
  }
  for (unsigned i = 0; i < t->out_blocks; i++) all[n++] = t->out[i];
  for (size_t i = 0; i < n; i++) {
    CHECK_MSG(block_is_out(all[i]), "I1: the cached block %p is free in its slab", all[i]);
  }
  qsort(all, n, sizeof *all, compare_pointers);
  for (size_t i = 1; i < n; i++) CHECK_MSG(all[i - 1] != all[i], "I1: %p is cached twice", all[i]);
}

/* Blocks of all slabs that are neither free there nor in a cache of any thread. */
static inline long live_blocks(void) {
  long n = 0;
  LIST_EACH(link, super_all_locked()) {
    struct superslab *super = LINK_OWNER(link, struct superslab, all);
    for (uint64_t held = ~super->free; held; held &= held - 1) {
      unsigned unit = bit_lowest(held);
      unsigned code = map_tag(unit_address(super, unit)) & TAG_CODE_MASK;
      if (!code || code >= TAG_RUN || super->head[unit] != unit) continue;
      n += class_table[code / 2].blocks - (long)slab_count_bits(slab_at(super, unit));
    }
  }
  LIST_EACH(link, thread_all_locked()) {
    n -= (long)cached_blocks(LINK_OWNER(link, struct thread, all));
  }
  return n;
}

/* The calling thread, which caches nothing. */
static inline struct thread *fresh_self(void) {
  struct thread *t = thread_self();
  front_flush();
  return t;
}

/* Starts the allocator with no option but that every magazine has its base capacity. */
static inline void start_at_base(void) {
  clearenv();
  setenv("HAKMEM_ACE", "0", 1);
  front_free(front_alloc(1, NULL));
}

#endif
