/* slab - equal blocks of one class in a run of units; a free block is a set bit.
 *
 * Owns:     the slab's bitmap and its state word.
 * Promise:  a block is claimed by one owner at most between two returns; claimed blocks come in
 *           address order from the lowest page up. No block is written to.
 * Threads:  claim, carve: the owner. return, state: any.
 * Cost:     two atomic operations for up to 64 blocks of one word.
 * Refuses:  claim gives 0 blocks when it sees none free.
 * Inverse:  slab_claim / slab_return_any; slab_carve / none: the pool forgets it.
 * Invariants: I2: count == bits set, whenever no claim or return is in flight. I3: OWNED or LISTED,
 *           never both. I6: bits fall before blocks are handed out; a return sets bits before it
 *           counts them.
 *
 * `state` is one word: OWNED, LISTED, the class, and above them the *signed* count of free blocks.
 * A claim may take a bit whose returner has not counted it yet: the count then dips below zero for
 * a moment, and the borrow leaves the flags alone.
 */
#ifndef SLAB_SLAB_H
#define SLAB_SLAB_H

#include "base/atomic.h"
#include "slab/class.h"
#include "super/superslab.h"

enum {
  SLAB_OWNED = 1 << 8,
  SLAB_LISTED = 1 << 9,
  SLAB_FLAGS = SLAB_OWNED | SLAB_LISTED,
  SLAB_COUNT_SHIFT = 10,
  SLAB_COUNT_ONE = 1 << SLAB_COUNT_SHIFT,
  SLAB_FEW_WORDS = 2, /* a bitmap of up to 128 blocks lies in the descriptor's own line */
};

struct slab {
  uint32_t state;    /* [any] */
  uint32_t high;     /* [owner] from here on blocks' pages are fresh: not handed out, not brought */
  char *base;        /* [const] while carved */
  uint64_t *words;   /* [const] while carved: `few`, or the superslab's bitmap for this slab */
  uint64_t summary;  /* [any] bit w: word w may have set bits */
  struct link link;  /* [lock class] in the pool's list when LISTED */
  uint64_t few[SLAB_FEW_WORDS]; /* [any] bit i of word w: block 64 w + i is free */
};

_Static_assert(sizeof(struct slab) == SLAB_BYTES, "a slab's descriptor is one cache line");

ALWAYS_INLINE int32_t slab_count(uint32_t state) {
  return (int32_t)state >> SLAB_COUNT_SHIFT;
}

ALWAYS_INLINE unsigned slab_class(uint32_t state) {
  return (uint8_t)state; /* bits 0 to 7 */
}

ALWAYS_INLINE struct slab *slab_at(struct superslab *super, unsigned first) {
  return (struct slab *)(void *)super->slabs[first];
}

/* The slab at P, of one unit of SUPER: its descriptor's offset comes straight from the address. */
ALWAYS_INLINE struct slab *slab_of_unit(struct superslab *super, const void *p) {
  size_t scaled = (uintptr_t)p % SUPER_SIZE / (UNIT_SIZE / SLAB_BYTES);
  return (struct slab *)(void *)(super->slabs[0] + scaled / SLAB_BYTES * SLAB_BYTES);
}

/* The slab of a block. P is in a slab: its tag said so. */
ALWAYS_INLINE struct slab *slab_of(const void *p) {
  struct superslab *super = map_super_known(p);
  return slab_at(super, ld_rlx(&super->head[unit_of(p)]));
}

ALWAYS_INLINE struct superslab *slab_super(const struct slab *slab) {
  return map_super(slab->base);
}

/* Of whole multiples of a size alone, times MAGIC, the fraction is less than MAGIC. */
ALWAYS_INLINE bool slab_whole(uint64_t product, uint64_t magic) {
  return product << (64 - MAGIC_SHIFT) < magic << (64 - MAGIC_SHIFT);
}

/* Does a block of class ROW start at OFFSET of its slab? INDEX: the block's in which that lies. */
ALWAYS_INLINE bool slab_block_at(const struct class_row *row, size_t offset, size_t *index) {
  uint64_t product = offset * row->magic;
  *index = product >> MAGIC_SHIFT;
  return LIKELY(*index < row->blocks) && LIKELY(slab_whole(product, row->magic));
}

/* The index of the block at P, of a slab of class ROW. */
ALWAYS_INLINE unsigned slab_index(const struct slab *slab, const struct class_row *row,
                                  const void *p) {
  return (unsigned)((size_t)((const char *)p - slab->base) * row->magic >> MAGIC_SHIFT);
}

/* Is P the start of a block of SLAB? */
ALWAYS_INLINE bool slab_starts_block(const struct slab *slab, const struct class_row *row,
                                     const void *p) {
  return slab_block_at(row, (size_t)((const char *)p - slab->base), &(size_t){0});
}

/* Is P the start of a block of SLAB that is not free there? */
ALWAYS_INLINE bool slab_lends(const struct slab *slab, const struct class_row *row, const void *p) {
  unsigned i = slab_index(slab, row, p);
  return slab_starts_block(slab, row, p) && !(ld_rlx(&slab->words[i / 64]) >> i % 64 & 1);
}

/* Free blocks that were handed out before, so that their pages are most likely resident. A lower
 * bound while returns are in flight. The owner only. */
ALWAYS_INLINE unsigned slab_touched_free(const struct slab *slab) {
  uint32_t state = ld_rlx(&slab->state);
  int32_t fresh = class_table[slab_class(state)].blocks - (int32_t)ld_rlx(&slab->high);
  int32_t touched = slab_count(state) - fresh;
  return touched > 0 ? (unsigned)touched : 0;
}

/* Sets up units taken from a superslab as a slab that the caller owns. */
struct slab *slab_carve(const struct units *units, unsigned class);

/* Takes up to WANT free blocks (at most what OUT holds), the lowest first; writes them to OUT in
 * descending order, so that the last is the lowest. Returns how many. The owner only. */
unsigned slab_claim(struct slab *slab, void **out, unsigned want);

/* Where the blocks that come next are fresh and of a page at most, AHEAD_BYTES of pages come now,
 * by one system call for several faults, and count as touched. The owner only. */
void slab_bring(struct slab *slab);

/* Sets the bits MASK of WORD: those blocks are free, but not counted yet. Returns the bits that
 * were set already: blocks returned twice. */
uint64_t slab_return_any(struct slab *slab, unsigned word, uint64_t mask);

/* The same in two steps, for a returner of several words: words that were empty are added to UNSEEN
 * and shown together, before the blocks are counted. */
uint64_t slab_return_unseen_any(struct slab *slab, unsigned word, uint64_t mask, uint64_t *unseen);
void slab_show_any(struct slab *slab, uint64_t unseen);

/* Shows every word that has a free block, for a slab that shows none. A return that found its word
 * in use already counts its block though who found it empty has not shown it yet, and in a child
 * forked meanwhile never will. The slab is the caller's, or its class is locked. */
void slab_show_hidden(struct slab *slab);

/* Sets the bit of one block, in a process of one thread, which counts it. False: it was free. */
ALWAYS_INLINE bool slab_return_alone(struct slab *slab, size_t index) {
  uint64_t *word = &slab->words[index / 64];
  uint64_t old = ld_rlx(word);
  uint64_t bit = (uint64_t)1 << index % 64;
  if (UNLIKELY(old & bit)) return false;
  st_rlx(word, old | bit);
  if (!old) st_rlx(&slab->summary, ld_rlx(&slab->summary) | (uint64_t)1 << index / 64);
  return true;
}

/* Counts N returned blocks; the last access of a returner. Returns the state before. */
uint32_t slab_count_returned_any(struct slab *slab, unsigned n);

/* What a returner must do for an unowned slab whose state before its N blocks was OLD: settle
 * it? */
ALWAYS_INLINE bool slab_crossed_line(uint32_t old, unsigned n) {
  const struct class_row *row = &class_table[slab_class(old)];
  int32_t before = slab_count(old);
  int32_t after = before + (int32_t)n;
  if (old & SLAB_OWNED) return false;
  if (after == row->blocks) return true;
  return !(old & SLAB_LISTED) && before < row->threshold && after >= row->threshold;
}

/* The number of set bits, for checks and for a forked child that mends what was in flight. */
unsigned slab_count_bits(const struct slab *slab);

/* Corrects the count to the bits; only where no other thread runs. */
void slab_recount(struct slab *slab);

/* I2 and the summary; exact only when nothing is in flight. Returns the number of violations. */
int slab_check(const struct slab *slab);

#endif
