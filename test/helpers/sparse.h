/* sparse - what the tests of free pages in slabs share: a slab full of known bytes, its pages.
 */
#ifndef HAK_TEST_SPARSE_H
#define HAK_TEST_SPARSE_H

#include "diag/option.h"
#include "helpers/box.h"
#include "pool/decay.h"
#include "pool/pool.h"

enum { MOST_BLOCKS = 64 * SLAB_WORDS, CLASS = 20 /* 1024 bytes: 64 blocks, 4 a page */ };

static struct refusal why;
static struct slab *taken;
static void *out[MOST_BLOCKS];

static inline void start(const char *promise, const char *decay, const char *way) {
  test_begin(promise);
  option_set("DECAY_MS", decay);
  option_set("PURGE", way);
  CHECK(count_read(CNT_SPARSE_WAITING) == 0);
}

static inline size_t page_size(void) {
  return (size_t)sysconf(_SC_PAGESIZE);
}

static inline char *block(const struct slab *slab, unsigned i) {
  return slab->base + (size_t)i * class_size(slab_class(slab->state));
}

/* A slab all of whose blocks are claimed, and filled with their number. */
static inline struct slab *full_slab(unsigned class) {
  const struct class_row *row = &class_table[class];
  struct slab *slab = pool_get(class, 1, &taken, &why);
  CHECK(slab && slab_claim(slab, out, row->blocks) == row->blocks);
  for (unsigned i = 0; i < row->blocks; i++) memset(block(slab, i), (int)i + 1, row->size);
  return slab;
}

static inline void give(struct slab *slab, unsigned from, unsigned n) {
  for (unsigned i = from; i < from + n; i++) CHECK(pool_return_block_any(slab, block(slab, i)));
}

/* A slab on its shelf, of which N blocks are free, from the block FROM on. */
static inline struct slab *shelved_slab(unsigned class, unsigned from, unsigned n) {
  struct slab *slab = full_slab(class);
  give(slab, from, n);
  pool_let_go(slab);
  return slab;
}

static inline bool is_live(const struct slab *slab, unsigned i) {
  return !(slab->words[i / 64] >> i % 64 & 1);
}

static inline void give_all(struct slab *slab) {
  unsigned blocks = class_table[slab_class(slab->state)].blocks;
  for (unsigned i = 0; i < blocks && slab_class(slab->state); i++)
    if (is_live(slab, i)) give(slab, i, 1);
  pool_drop_kept(true); /* an empty slab may stay listed */
  CHECK(pool_check() == 0 && super_check() == 0);
}

static inline size_t resident(const struct slab *slab) {
  size_t bytes = (size_t)class_table[slab_class(slab->state)].units * UNIT_SIZE;
  return resident_pages(slab->base, bytes) * page_size();
}

static inline bool live_are_intact(const struct slab *slab) {
  const struct class_row *row = &class_table[slab_class(slab->state)];
  for (unsigned i = 0; i < row->blocks; i++)
    if (is_live(slab, i) && !all_bytes(block(slab, i), row->size, (unsigned char)(i + 1)))
      return false;
  return true;
}

#endif
