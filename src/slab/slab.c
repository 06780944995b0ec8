#include "slab/slab.h"

#include <string.h>

#include "base/text.h"
#include "os/map.h"
#include "os/process.h"

/* The smallest place that holds N words of bitmap, so that few pages are touched. */
static uint64_t *words_of(struct slab *slab, const struct units *units, unsigned n) {
  if (n <= SLAB_FEW_WORDS) return slab->few;
  if (n <= SLAB_SOME_WORDS) return units->super->some_words[units->first];
  return units->super->words[units->first];
}

/* How many of the blocks lie in memory that may be resident already. */
static uint32_t high_of(const struct units *units, const struct class_row *row) {
  size_t touched = units_touched(units->super, units->first, row->units);
  return (uint32_t)min_size((touched + row->size - 1) / row->size, row->blocks);
}

struct slab *slab_carve(const struct units *units, unsigned class) {
  const struct class_row *row = &class_table[class];
  struct slab *slab = slab_at(units->super, units->first);
  unsigned last = row->blocks - 64u * (row->words - 1u);
  slab->words = words_of(slab, units, row->words);
  for (unsigned w = 0; w + 1 < row->words; w++) st_rlx_any(&slab->words[w], ~(uint64_t)0);
  st_rlx_any(&slab->words[row->words - 1], bit_span(0, last));
  st_rlx_any(&slab->summary, bit_span(0, row->words));
  slab->base = unit_address(units->super, units->first);
  st_rlx(&slab->high, high_of(units, row));
  list_init(&slab->link);
  for (unsigned i = 0; i < row->units; i++)
    st_rlx_any(&units->super->head[units->first + i], (uint8_t)units->first);
  st_rlx_any(&units->super->length[units->first], row->units);
  st_rel(&slab->state, SLAB_OWNED | class | (uint32_t)row->blocks << SLAB_COUNT_SHIFT);
  /* pairs: settle's load */
  return slab;
}

/* Is W one run of set bits? */
static bool is_one_run(uint64_t w) {
  return !((w + (w & -w)) & w);
}

/* Where claimed blocks go: from `at` down to `out`. */
struct claim {
  void **out, **at;
};

/* Writes the lowest blocks of the bits SEEN, of which the first is at BASE, as far as there is
 * room; returns their bits. */
static uint64_t name_blocks(struct claim *c, uint64_t seen, char *base, size_t size) {
  uint64_t rest = seen;
  for (; rest && c->at > c->out; rest &= rest - 1) *--c->at = base + bit_lowest(rest) * size;
  return seen & ~rest;
}

/* The same for one run, as in slabs that are fresh or were emptied. */
static uint64_t name_run(struct claim *c, uint64_t run, char *base, size_t size) {
  unsigned first = bit_lowest(run);
  size_t n = min_size(bit_highest(run) + 1 - first, (size_t)(c->at - c->out));
  char *p = base + first * size;
  c->at -= n;
#pragma GCC unroll 4
  for (size_t i = n; i--; p += size) c->at[i] = p;
  return n ? bit_span(first, (unsigned)n) : 0;
}

/* Claims blocks of word W. Only the owner clears bits, so those it saw set stay set. Returns what
 * stays. */
static uint64_t claim_word(struct slab *slab, unsigned w, struct claim *c, size_t size) {
  char *base = slab->base + (size_t)w * 64 * size;
  uint64_t seen = ld_rlx(&slab->words[w]);
  uint64_t mine;
  if (!seen) return 0;
  mine = is_one_run(seen) ? name_run(c, seen, base, size) : name_blocks(c, seen, base, size);
  if (w * 64 + bit_highest(mine) >= ld_rlx(&slab->high))
    st_rlx(&slab->high, w * 64 + bit_highest(mine) + 1);
  return and_acq_rel(&slab->words[w], ~mine) & ~mine; /* pairs: slab_return_any */
}

/* Takes the words EMPTIED out of the summary: all at once, since it lies on another line than they
 * may. */
static void forget_words(struct slab *slab, uint64_t emptied) {
  if (!emptied) return;
  and_acq_rel(&slab->summary, ~emptied);
  /* A return since its word was emptied saw an empty word and set the summary bit, which may be
   * cleared now; its OR of the word precedes our AND of the summary, so we see its bits here. A
   * later one sets the summary after us. */
  for (; emptied; emptied &= emptied - 1) {
    unsigned w = bit_lowest(emptied);
    if (ld_acq(&slab->words[w])) or_acq_rel(&slab->summary, (uint64_t)1 << w);
  }
}

unsigned slab_claim(struct slab *slab, void **out, unsigned want) {
  size_t size = class_table[slab_class(ld_rlx(&slab->state))].size;
  struct claim c = {out, out + want};
  uint64_t emptied = 0;
  unsigned got;
  /* pairs: slab_show_any */
  for (uint64_t words = ld_acq(&slab->summary); words && c.at > out; words &= words - 1) {
    unsigned w = bit_lowest(words);
    if (!claim_word(slab, w, &c, size)) emptied |= (uint64_t)1 << w;
  }
  forget_words(slab, emptied);
  got = (unsigned)(out + want - c.at);
  if (!got) return 0;
  sub_acq_rel(&slab->state, (uint32_t)got << SLAB_COUNT_SHIFT);
  if (got < want) memmove(out, c.at, got * sizeof *out);
  return got;
}

void slab_bring(struct slab *slab) {
  static bool refused; /* [any] relaxed; as by kernels before Linux 5.14 */
  const struct class_row *row = &class_table[slab_class(ld_rlx(&slab->state))];
  size_t page = os_page_size();
  size_t from = round_up((size_t)ld_rlx(&slab->high) * row->size, page);
  size_t to = min_size(from + AHEAD_BYTES, round_up((size_t)row->blocks * row->size, page));
  if (row->size > page || to < from + 2 * page || slab_touched_free(slab)) return;
  if (ld_rlx(&refused)) return;
  if (os_populate(slab->base + from, to - from))
    st_rlx(&slab->high, (uint32_t)min_size(to / row->size, row->blocks));
  else
    st_rlx_any(&refused, true);
}

uint64_t slab_return_unseen_any(struct slab *slab, unsigned word, uint64_t mask,
                                uint64_t *unseen) {
  uint64_t old = or_acq_rel(&slab->words[word], mask); /* pairs: claim_word */
  if (!old) *unseen |= (uint64_t)1 << word;
  return old & mask;
}

void slab_show_any(struct slab *slab, uint64_t unseen) {
  if (unseen) or_acq_rel(&slab->summary, unseen); /* pairs: forget_words */
}

static uint64_t words_with_bits(const struct slab *slab) {
  const struct class_row *row = &class_table[slab_class(ld_rlx(&slab->state))];
  uint64_t words = 0;
  for (unsigned w = 0; w < row->words; w++)
    if (ld_rlx(&slab->words[w])) words |= (uint64_t)1 << w;
  return words;
}

COLD void slab_show_hidden(struct slab *slab) {
  slab_show_any(slab, words_with_bits(slab));
}

uint64_t slab_return_any(struct slab *slab, unsigned word, uint64_t mask) {
  uint64_t unseen = 0;
  uint64_t twice = slab_return_unseen_any(slab, word, mask, &unseen);
  slab_show_any(slab, unseen);
  return twice;
}

uint32_t slab_count_returned_any(struct slab *slab, unsigned n) {
  return add_acq_rel(&slab->state, (uint32_t)n << SLAB_COUNT_SHIFT); /* pairs: settle's load */
}

unsigned slab_count_bits(const struct slab *slab) {
  const struct class_row *row = &class_table[slab_class(ld_rlx(&slab->state))];
  unsigned n = 0;
  for (unsigned w = 0; w < row->words; w++) n += bit_count(ld_rlx(&slab->words[w]));
  return n;
}

void slab_recount(struct slab *slab) {
  uint32_t state = ld_rlx(&slab->state);
  if (!slab_class(state)) return;
  st_rlx(&slab->summary, words_with_bits(slab));
  st_rlx(&slab->state, (state & (SLAB_COUNT_ONE - 1)) | slab_count_bits(slab) << SLAB_COUNT_SHIFT);
}

static int violated(bool holds, const char *what, const struct slab *slab) {
  struct text t;
  if (holds) return 0;
  text_violation(&t, what, slab->base);
  text_str(&t, ": state ");
  text_hex(&t, ld_rlx(&slab->state));
  text_field(&t, ", bits ", slab_count_bits(slab));
  text_str(&t, "\n");
  text_flush(&t);
  return 1;
}

int slab_check(const struct slab *slab) {
  uint32_t state = ld_rlx(&slab->state);
  uint64_t unseen = words_with_bits(slab) & ~ld_rlx(&slab->summary);
  int bad = 0;
  bad += violated(slab_class(state) > 0 && slab_class(state) < CLASSES, "no class", slab);
  bad += violated(slab_count(state) == (int32_t)slab_count_bits(slab), "I2: count not bits", slab);
  bad += violated((state & SLAB_FLAGS) != SLAB_FLAGS, "I3: a slab is owned and listed", slab);
  bad += violated(!unseen, "I2: a word with free blocks is not in the summary", slab);
  return bad;
}
