/* The way of blocks back to their slabs: see cache_return. */
#include <string.h>

#include "base/text.h"
#include "front/cache.h"

COLD static void double_free(void *p) {
  count_any(CNT_DOUBLE_FREES, 1);
  text_die("double free or a pointer into a free block", p);
}

/* A slab without a class has gone: with a block of the same flush, which was in it twice. */
COLD static void not_a_block(const struct slab *slab, void *p) {
  if (!slab_class(ld_rlx(&slab->state))) double_free(p);
  text_die("free of a pointer into the middle of a block", p);
}

/* The superslab of a block that comes back. If it has gone, the flush had the block twice. */
ALWAYS_INLINE struct superslab *super_back(void *p) {
  struct superslab *super = map_super_known(p);
  if (UNLIKELY(!super)) double_free(p);
  return super;
}

ALWAYS_INLINE struct slab *slab_back(void *p) {
  struct superslab *super = super_back(p);
  return slab_at(super, ld_rlx(&super->head[unit_of(p)]));
}

enum { RETURN_ROW = 8 }; /* blocks of one unit that are worth no sorting */

/* The group of the blocks of SLAB, perhaps a new one, of block P. */
ALWAYS_INLINE struct group *sorter_group(struct sorter *s, uintptr_t slab, void *p) {
  uint16_t *bucket = &s->bucket[slab % SORTER_BUCKETS];
  unsigned g = *bucket;
  while (g && s->group[g - 1].slab != slab) g = s->group[g - 1].next;
  if (LIKELY(g)) return &s->group[g - 1];
  s->group[s->groups] = (struct group){slab, 0, 0, *bucket};
  *bucket = (uint16_t)++s->groups;
  prefetch_write(slab_back(p));
  return &s->group[s->groups - 1];
}

static void sort(struct sorter *s, void **blocks, unsigned n, bool wide) {
  for (unsigned i = 0; i < n; i++) {
    void *p = blocks[i];
    uintptr_t unit = (uintptr_t)p >> UNIT_SHIFT;
    uintptr_t slab = wide ? (uintptr_t)slab_back(p) / SLAB_BYTES : unit;
    struct group *group = sorter_group(s, slab, p);
    s->chain[i] = group->first;
    group->first = (uint16_t)i;
    group->blocks++;
  }
}

/* The bits of blocks of one slab that come back together: MASKS of those words that WORDS names. */
struct bits {
  uint64_t words;
  uint64_t masks[SLAB_WORDS];
};

/* Gathers the bits of those of N blocks that lie in SLAB, from the first on. Returns how many. The
 * bits of a word stay in a register while blocks of it follow each other. */
ALWAYS_INLINE unsigned gather_row(void **blocks, unsigned n, const struct slab *slab,
                                  struct bits *b) {
  const struct class_row row = class_table[slab_class(ld_rlx(&slab->state))];
  size_t end = (size_t)row.blocks * row.size;
  size_t word = slab_index(slab, &row, blocks[0]) / 64 % SLAB_WORDS;
  uint64_t words = (uint64_t)1 << word;
  uint64_t mask = 0;
  void **at = blocks;
  for (; at < blocks + n; at++) {
    size_t offset = (size_t)((char *)*at - slab->base);
    uint64_t product = offset * row.magic;
    size_t index = product >> MAGIC_SHIFT;
    uint64_t bit = (uint64_t)1 << index % 64;
    if (offset >= end) break;
    if (UNLIKELY(!slab_whole(product, row.magic))) not_a_block(slab, *at);
    if (index / 64 != word) {
      b->masks[word] = mask;
      word = index / 64 % SLAB_WORDS;
      mask = words >> word & 1 ? b->masks[word] : 0;
      words |= (uint64_t)1 << word;
    }
    if (UNLIKELY(mask & bit)) double_free(*at);
    mask |= bit;
  }
  b->masks[word] = mask;
  b->words = words;
  return (unsigned)(at - blocks);
}

/* Gathers the bits of a group's blocks, which lie in SLAB in any order: a branch for those that
 * follow each other in one word could not be predicted. */
ALWAYS_INLINE void gather_group(void **blocks, const struct group *group, const uint16_t *chain,
                                const struct slab *slab, struct bits *b) {
  const struct class_row row = class_table[slab_class(ld_rlx(&slab->state))];
  uint64_t words = 0;
  unsigned i = group->first;
  memset(b->masks, 0, row.words * sizeof *b->masks);
  for (unsigned done = group->blocks; done; done--, i = chain[i]) {
    size_t index;
    bool starts = slab_block_at(&row, (size_t)((char *)blocks[i] - slab->base), &index);
    size_t word = index / 64 % SLAB_WORDS;
    uint64_t bit = (uint64_t)1 << index % 64;
    if (UNLIKELY(!starts)) not_a_block(slab, blocks[i]);
    if (UNLIKELY(b->masks[word] & bit)) double_free(blocks[i]);
    b->masks[word] |= bit;
    words |= (uint64_t)1 << word;
  }
  b->words = words;
}

/* After N blocks came back to SLAB, of CLASS, whose state was OLD: a line may be crossed, and the
 * current slab goes when it is all free. */
ALWAYS_INLINE void settle_returned(struct thread *t, struct slab *slab, unsigned class,
                                   uint32_t old, unsigned n) {
  if (pool_settle_any(slab, old, n) || slab != t->cell[class].slab) return;
  if (slab_count(ld_rlx(&slab->state)) == class_table[class].blocks) cache_let_go(t, class);
}

/* Sets the bits B: N blocks of SLAB are free. */
ALWAYS_INLINE void return_bits(struct thread *t, struct slab *slab, unsigned n,
                               const struct bits *b) {
  unsigned class = slab_class(ld_rlx(&slab->state));
  uint64_t unseen = 0;
  uint32_t old;
  st_rlx(&t->flight, slab);
  compiler_fence();
  for (uint64_t words = b->words; words; words &= words - 1) {
    unsigned word = bit_lowest(words);
    uint64_t twice = slab_return_unseen_any(slab, word, b->masks[word], &unseen);
    if (UNLIKELY(twice))
      double_free(slab->base + (word * 64 + bit_lowest(twice)) * class_size(class));
  }
  slab_show_any(slab, unseen); /* in the line where the count is, so that it comes once */
  old = slab_count_returned_any(slab, n);
  compiler_fence();
  settle_returned(t, slab, class, old, n);
}

NOINLINE static void return_group(struct thread *t, const struct sorter *s,
                                  const struct group *group, void **blocks) {
  struct slab *slab = slab_back(blocks[group->first]);
  struct bits b;
  gather_group(blocks, group, s->chain, slab, &b);
  return_bits(t, slab, group->blocks, &b);
}

/* Returns those of N blocks that lie in one slab, from the first on, if they are worth it. Returns
 * how many. */
NOINLINE static unsigned return_row(struct thread *t, void **blocks, unsigned n) {
  struct slab *slab = slab_back(blocks[0]);
  struct bits b;
  unsigned same = gather_row(blocks, n, slab, &b);
  if (same < n && same < RETURN_ROW) return 0;
  return_bits(t, slab, same, &b);
  return same;
}

/* The bits FIRST to FIRST + N - 1. */
static void span_bits(unsigned first, unsigned n, struct bits *b) {
  b->words = 0;
  for (unsigned end = first + n; first < end; first += n) {
    n = (unsigned)min_size(64 - first % 64, end - first);
    b->masks[first / 64] = bit_span(first % 64, n);
    b->words |= (uint64_t)1 << first / 64;
  }
}

/* Returns N blocks, each STEP bytes behind the one before, if they are neighbours in a slab: no
 * block but the lowest is looked at. */
NOINLINE static bool return_span(struct thread *t, void **blocks, unsigned n, ptrdiff_t step) {
  void *lowest = blocks[step < 0 ? n - 1 : 0];
  struct slab *slab = slab_back(lowest);
  const struct class_row *row = &class_table[slab_class(ld_rlx(&slab->state))];
  unsigned first = slab_index(slab, row, lowest);
  struct bits b;
  if ((step < 0 ? -step : step) != (ptrdiff_t)row->size || first + n > row->blocks) return false;
  if (!slab_starts_block(slab, row, lowest)) return false;
  span_bits(first, n, &b);
  return_bits(t, slab, n, &b);
  return true;
}

/* How many of the N blocks from the first on are as far from each other as the first two. */
static unsigned evenly_spaced(void **blocks, unsigned n, ptrdiff_t step) {
  uintptr_t next = (uintptr_t)blocks[1] + (uintptr_t)step;
  unsigned even = 2;
  for (; even < n && (uintptr_t)blocks[even] == next; even++) next += (uintptr_t)step;
  return even;
}

/* Returns those of N blocks, two at least, that lie one behind the other from the first on, if they
 * are worth it. Returns how many. */
static unsigned return_neighbours(struct thread *t, void **blocks, unsigned n) {
  ptrdiff_t step = (char *)blocks[1] - (char *)blocks[0];
  unsigned even = evenly_spaced(blocks, n, step);
  if (even < RETURN_ROW && even < n) return 0;
  return return_span(t, blocks, even, step) ? even : 0;
}

/* Of blocks of CLASS, in slabs of one unit, one by one, as far as the first that brings its slab to
 * a line. Returns how many. No call in the loop: all fits into registers. */
NOINLINE static unsigned return_few(unsigned class, void **blocks, unsigned n) {
  const struct class_row row = class_table[class];
  const uint32_t listable = class | (uint32_t)row.threshold << SLAB_COUNT_SHIFT;
  const int32_t full = row.blocks << SLAB_COUNT_SHIFT;
  void **end = blocks + n;
  void **at = blocks;
  uint32_t state;
  do {
    char *p = *at++;
    struct slab *slab = slab_of_unit(super_back(p), p);
    size_t index;
    bool starts = slab_block_at(&row, (uintptr_t)p % UNIT_SIZE, &index);
    state = ld_rlx(&slab->state);
    if (UNLIKELY(slab_class(state) != class || !starts)) not_a_block(slab, p);
    if (UNLIKELY(!slab_return_alone(slab, index))) double_free(p);
    state += SLAB_COUNT_ONE;
    st_rlx(&slab->state, state);
  } while (LIKELY(at < end && state != listable && (int32_t)state < full));
  return (unsigned)(at - blocks);
}

/* One by one: without locked instructions that costs less than to sort them. */
static void return_alone(struct thread *t, unsigned class, void **blocks, unsigned n) {
  for (unsigned done; n; n -= done, blocks += done) {
    struct slab *slab;
    done = return_few(class, blocks, n);
    slab = slab_of(blocks[done - 1]);
    settle_returned(t, slab, class, ld_rlx(&slab->state) - SLAB_COUNT_ONE, 1);
  }
}

NOINLINE static void return_sorted(struct thread *t, void **blocks, unsigned n, bool wide) {
  struct sorter *s = thread_sorter(t);
  for (unsigned some; n; n -= some, blocks += some) {
    some = (unsigned)min_size(n, OUTBOX_MAX);
    s->groups = 0;
    memset(s->bucket, 0, sizeof s->bucket);
    sort(s, blocks, some, wide);
    for (unsigned g = 0; g < s->groups; g++) return_group(t, s, &s->group[g], blocks);
  }
}

/* Blocks that were allocated one after the other are freed so, more often than not: neighbours and
 * rows of one unit, with which the flush begins, go back at once; the others sorted, or one by
 * one. */
void cache_return(struct thread *t, unsigned class, void **blocks, unsigned n) {
  unsigned left = n;
  for (unsigned row; left; left -= row, blocks += row) {
    row = left > 1 ? return_neighbours(t, blocks, left) : 0;
    if (!row) row = return_row(t, blocks, left);
    if (!row) break;
  }
  if (left && alone() && class_table[class].units == 1) return_alone(t, class, blocks, left);
  else if (left) return_sorted(t, blocks, left, class_table[class].units > 1);
  st_rlx(&t->flight, NULL);
  tally_own(&t->tally, TLY_BLOCKS_FLUSHED, n);
}
