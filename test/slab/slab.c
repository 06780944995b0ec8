/* slab - claims and returns of one slab, against a model of one byte per block. */
#include "slab/slab.h"

#include "diag/option.h"
#include "helpers/box.h"
#include "super/purge.h"

enum { MOST_BLOCKS = 64 * SLAB_WORDS };

static uint64_t state = 9;
static bool out[MOST_BLOCKS]; /* the model: is the block claimed? */
static unsigned claimed;

static struct slab *new_slab(unsigned class, struct units *units) {
  struct refusal why;
  if (!units_take(class_table[class].units, 1, units, &why)) {
    test_fail("no units for class %u", class);
    exit(1);
  }
  memset(out, 0, sizeof out);
  claimed = 0;
  return slab_carve(units, class);
}

static void drop_slab(struct slab *slab, unsigned class, const struct units *units) {
  st_rlx(&slab->state, 0);
  units_give(units->super, units->first, class_table[class].units);
}

static void *block(const struct slab *slab, unsigned class, unsigned i) {
  return slab->base + (size_t)i * class_size(class);
}

static void check_slab(const struct slab *slab, unsigned class) {
  unsigned free = class_table[class].blocks - claimed;
  CHECK_MSG(slab_check(slab) == 0, "class %u, %u claimed", class, claimed);
  CHECK_MSG(slab_count(slab->state) == (int32_t)free && slab_count_bits(slab) == free,
            "class %u: count %d, %u bits, %u free", class, slab_count(slab->state),
            slab_count_bits(slab), free);
}

/* Claims, and compares with the lowest free blocks of the model, highest first. */
static void claim(struct slab *slab, unsigned class, unsigned want) {
  static void *got[MOST_BLOCKS + 64];
  unsigned blocks = class_table[class].blocks;
  unsigned n = slab_claim(slab, got, want);
  unsigned expected = blocks - claimed < want ? blocks - claimed : want;
  CHECK_MSG(n == expected, "class %u: %u claimed of %u wanted, %u free", class, n, want,
            blocks - claimed);
  for (unsigned k = n, i = 0; k--; i++) {
    while (i < blocks && out[i]) i++;
    CHECK_MSG(got[k] == block(slab, class, i), "class %u: not the lowest block, not descending",
              class);
    out[i] = true;
  }
  claimed += n;
}

/* Returns a random set of claimed blocks of one word. */
static void give_back(struct slab *slab, unsigned class) {
  unsigned word = (unsigned)random_below(&state, class_table[class].words);
  uint64_t wanted = random_next(&state) | random_next(&state);
  uint64_t mask = 0;
  uint32_t before = slab->state;
  for (unsigned i = 0; i < 64; i++) {
    if (!(wanted >> i & 1) || !out[word * 64 + i]) continue;
    mask |= (uint64_t)1 << i;
    out[word * 64 + i] = false;
  }
  if (!mask) return;
  CHECK_MSG(slab_return_any(slab, word, mask) == 0, "class %u", class);
  CHECK(slab_count_returned_any(slab, bit_count(mask)) == before);
  claimed -= bit_count(mask);
}

static void round_trip(void) {
  struct units units;
  test_begin("a carved slab is owned and all free; all its blocks come once, and go back");
  for (unsigned class = 1; class < CLASSES; class++) {
    struct slab *slab = new_slab(class, &units);
    unsigned blocks = class_table[class].blocks;
    CHECK(slab->state & SLAB_OWNED && !(slab->state & SLAB_LISTED));
    CHECK(slab_class(slab->state) == class && slab->base == unit_address(units.super, units.first));
    check_slab(slab, class);
    claim(slab, class, blocks + 5);
    CHECK_MSG(claimed == blocks, "class %u: %u of %u blocks", class, claimed, blocks);
    claim(slab, class, 1);
    check_slab(slab, class);
    for (unsigned i = 0; i < blocks; i++) {
      CHECK(slab_of(block(slab, class, i)) == slab && slab_super(slab) == units.super);
      CHECK(slab_return_any(slab, i / 64, (uint64_t)1 << i % 64) == 0);
      slab_count_returned_any(slab, 1);
      out[i] = false;
    }
    claimed = 0;
    check_slab(slab, class);
    drop_slab(slab, class, &units);
  }
  test_end();
}

static void against_model(void) {
  struct units units;
  test_begin(
      "random claims and returns agree with the model for every class: the lowest block first");
  for (unsigned class = 1; class < CLASSES; class++) {
    struct slab *slab = new_slab(class, &units);
    for (int i = 0; i < 1500 && !test_bad; i++) {
      if (random_below(&state, 3) == 0)
        claim(slab, class, 1 + (unsigned)random_below(&state, 70));
      else
        give_back(slab, class);
      if (i % 50 == 0) check_slab(slab, class);
    }
    check_slab(slab, class);
    drop_slab(slab, class, &units);
  }
  test_end();
}

static void twice(void) {
  struct units units;
  struct slab *slab = new_slab(5, &units);
  test_begin("a block returned twice is told by its bit, alone or among others");
  claim(slab, 5, 40);
  CHECK(slab_return_any(slab, 0, 0x0f) == 0);
  slab_count_returned_any(slab, 4);
  CHECK(slab_return_any(slab, 0, 0x04) == 0x04);
  CHECK(slab_return_any(slab, 0, 0xfc) == 0x0c);
  CHECK(slab_return_any(slab, 2, 0x1) == 0x1);
  slab_count_returned_any(slab, 4);
  CHECK(slab_check(slab) == 0);
  drop_slab(slab, 5, &units);
  test_end();
}

static void starts(void) {
  struct units units;
  test_begin("slab_starts_block is true for the starts of blocks alone, for every byte of a slab");
  for (unsigned class = 1; class < CLASSES; class += 1 + class / 8) {
    const struct class_row *row = &class_table[class];
    struct slab *slab = new_slab(class, &units);
    size_t bytes = (size_t)row->units << UNIT_SHIFT;
    for (size_t at = 0; at < bytes; at++) {
      bool start = at % row->size == 0 && at / row->size < row->blocks;
      if (slab_starts_block(slab, row, slab->base + at) == start) continue;
      test_fail("class %u, offset %zu", class, at);
      break;
    }
    drop_slab(slab, class, &units);
  }
  test_end();
}

static void untouched(void) {
  struct units units;
  test_begin("no block is touched by a carve, a claim or a return");
  purge_down_to(0);
  for (unsigned class = 1; class < CLASSES; class++) {
    struct slab *slab = new_slab(class, &units);
    size_t bytes = (size_t)class_table[class].units << UNIT_SHIFT;
    claim(slab, class, MOST_BLOCKS);
    for (int i = 0; i < 200; i++) give_back(slab, class);
    claim(slab, class, 10);
    CHECK_MSG(resident_pages(slab->base, bytes) == 0, "class %u", class);
    drop_slab(slab, class, &units);
  }
  test_end();
}

/* Where the system CAN bring pages, PAGES are there then, up to block HIGH; where it cannot, none
 * is known to be beyond what was claimed. */
static bool brings(struct slab *slab, bool can, unsigned pages, unsigned high) {
  size_t bytes = (size_t)class_table[slab_class(slab->state)].units << UNIT_SHIFT;
  slab_bring(slab);
  return slab->high == (can ? high : claimed) &&
         resident_pages(slab->base, bytes) == (can ? pages : 0);
}

static void brought(void) {
  struct units units;
  unsigned class = class_of(64), largest = class_of(4096);
  struct slab *slab;
  bool can = brings_pages();
  test_begin("fresh pages are brought 16 KiB at a time, to the slab's end and no further");
  purge_down_to(0);
  slab = new_slab(class, &units);
  CHECK(class_size(class) == 64 && class_table[class].blocks == 1024);
  CHECK(brings(slab, can, 4, 256));
  CHECK(brings(slab, can, 4, 256)); /* free blocks with pages: none yet */
  claim(slab, class, 256);
  claim(slab, class, 10); /* of a page that nobody touches here */
  CHECK(brings(slab, can, 8, 576));
  claim(slab, class, 310);
  CHECK(brings(slab, can, 12, 832));
  claim(slab, class, 256);
  CHECK(brings(slab, can, 15, 1024));
  claim(slab, class, 1024);
  check_slab(slab, class);
  drop_slab(slab, class, &units);
  purge_down_to(0);
  slab = new_slab(class, &units);
  claim(slab, class, 960);
  CHECK_MSG(brings(slab, can, 0, 960), "the last page by itself is a fault like any other");
  drop_slab(slab, class, &units);
  purge_down_to(0);
  slab = new_slab(largest, &units);
  CHECK(brings(slab, can, 4, 4));
  drop_slab(slab, largest, &units);
  purge_down_to(0);
  slab = new_slab(largest + 1, &units);
  CHECK_MSG(brings(slab, can, 0, 0), "of larger ones a program may leave whole pages alone");
  drop_slab(slab, largest + 1, &units);
  test_end();
}

/* What a returner must do, in the words of the contract. */
static bool naive_crossed(unsigned class, bool owned, bool listed, int before, int after) {
  const struct class_row *row = &class_table[class];
  if (owned) return false;
  if (after == row->blocks) return true;
  return !listed && before < row->threshold && after >= row->threshold;
}

static void the_line(void) {
  test_begin(
      "exactly the return that fills an unowned slab, or makes it worth listing, settles it");
  for (unsigned class = 1; class < CLASSES; class++) {
    int blocks = class_table[class].blocks;
    for (int before = -3; before < blocks; before++) {
      for (uint32_t flags = 0; flags < SLAB_FLAGS; flags += SLAB_OWNED) {
        int n = 1 + (before + 3) * 7 % 64;
        uint32_t old = flags | class | (uint32_t)before << SLAB_COUNT_SHIFT;
        if (before + n > blocks) n = blocks - before;
        CHECK_MSG(slab_count(old) == before && slab_class(old) == class, "%d", before);
        CHECK_MSG(
            slab_crossed_line(old, (unsigned)n) ==
                naive_crossed(class, flags & SLAB_OWNED, flags & SLAB_LISTED, before, before + n),
            "class %u, flags %u, %d + %d", class, flags, before, n);
      }
    }
  }
  test_end();
}

static void recount(void) {
  struct units units;
  struct slab *slab = new_slab(3, &units);
  test_begin(
      "slab_recount mends a count and a summary that do not match the bits, and keeps flags");
  claim(slab, 3, 100);
  slab->words[0] |= 0xff;
  slab->words[1] &= 1;
  slab->summary = 0;
  slab_recount(slab);
  CHECK(slab_check(slab) == 0 && slab_class(slab->state) == 3);
  CHECK((slab->state & SLAB_FLAGS) == SLAB_OWNED);
  CHECK(slab_count(slab->state) == (int32_t)slab_count_bits(slab));
  drop_slab(slab, 3, &units);
  slab_recount(slab);
  CHECK(slab->state == 0);
  test_end();
}

static struct slab *spoilt;

static int check_spoilt(void) {
  return slab_check(spoilt);
}

static void unseen_words(void) {
  enum { CLASS = 4, WORDS = 3 };
  static const unsigned word[WORDS] = {1, 6, 15};
  struct units units;
  struct slab *slab = new_slab(CLASS, &units);
  uint64_t unseen = 0;
  void *got[8];
  test_begin("words returned unseen are claimed when they are shown, and none of them before");
  claim(slab, CLASS, class_table[CLASS].blocks);
  CHECK(slab->summary == 0);
  for (unsigned i = 0; i < WORDS; i++) {
    CHECK(slab_return_unseen_any(slab, word[i], 4, &unseen) == 0);
    out[word[i] * 64 + 2] = false;
  }
  CHECK(slab_return_unseen_any(slab, word[0], 4, &unseen) == 4); /* twice */
  CHECK(unseen == ((uint64_t)1 << 1 | (uint64_t)1 << 6 | (uint64_t)1 << 15));
  CHECK(slab_claim(slab, got, 8) == 0);
  slab_show_any(slab, unseen);
  slab_count_returned_any(slab, WORDS);
  claimed -= WORDS;
  check_slab(slab, CLASS);
  claim(slab, CLASS, WORDS + 1); /* empties all three, and says so in the summary */
  CHECK(slab->summary == 0);
  check_slab(slab, CLASS);
  test_end();
  drop_slab(slab, CLASS, &units);
}

/* As in a child that was forked between a thread's return of a bit and its showing of the word. */
static void hidden_word(void) {
  enum { CLASS = 4, WORD = 6 };
  struct units units;
  struct slab *slab = new_slab(CLASS, &units);
  uint64_t unseen = 0;
  void *got[8];
  test_begin("a word that nobody shows is shown, and claimed with the blocks not counted yet");
  claim(slab, CLASS, class_table[CLASS].blocks);
  CHECK(slab_return_unseen_any(slab, WORD, 4, &unseen) == 0 && unseen);
  CHECK(slab_return_any(slab, WORD, 8) == 0);
  slab_count_returned_any(slab, 1);
  CHECK(slab_claim(slab, got, 8) == 0);
  slab_show_hidden(slab);
  CHECK(slab->summary == unseen);
  CHECK(slab_claim(slab, got, 8) == 2 && slab_count(slab->state) == -1);
  CHECK(got[1] == block(slab, CLASS, WORD * 64 + 2) && got[0] == block(slab, CLASS, WORD * 64 + 3));
  slab_show_any(slab, unseen);
  CHECK(slab_claim(slab, got, 8) == 0); /* shown, but empty by now */
  slab_count_returned_any(slab, 1);
  check_slab(slab, CLASS);
  test_end();
  drop_slab(slab, CLASS, &units);
}

static void check_can_fail(void) {
  struct units units;
  uint32_t right;
  spoilt = new_slab(4, &units);
  right = spoilt->state;
  test_begin("slab_check sees a count that is not the bits (I2), above or below");
  spoilt->state = right + SLAB_COUNT_ONE;
  CHECK_REPORTS(check_spoilt, "I2");
  spoilt->state = right - SLAB_COUNT_ONE;
  CHECK_REPORTS(check_spoilt, "I2");
  spoilt->state = right;
  test_end();
  test_begin("slab_check sees a word with free blocks that the summary hides (I2)");
  spoilt->summary &= ~(uint64_t)8;
  CHECK_REPORTS(check_spoilt, "I2");
  spoilt->summary |= 8;
  test_end();
  test_begin("slab_check sees a slab that is owned and listed (I3), and one without a class");
  spoilt->state |= SLAB_LISTED;
  CHECK_REPORTS(check_spoilt, "I3");
  spoilt->state = 0;
  CHECK_REPORTS(check_spoilt, "class");
  spoilt->state = right;
  CHECK(slab_check(spoilt) == 0);
  test_end();
  drop_slab(spoilt, 4, &units);
}

int main(void) {
  clearenv();
  option_load();
  round_trip();
  against_model();
  twice();
  starts();
  untouched();
  brought();
  the_line();
  recount();
  unseen_words();
  hidden_word();
  check_can_fail();
  return test_status();
}
