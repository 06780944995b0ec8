/* pool - slabs from the lists or fresh, settled by whoever crosses the line, recycled when empty.
 */
#include "pool/pool.h"

#include "diag/counter.h"
#include "diag/option.h"
#include "helpers/box.h"
#include "helpers/slabs.h"
#include "super/purge.h"

enum { MOST_BLOCKS = 64 * SLAB_WORDS, CLASS = 17 /* 640 bytes: 102 blocks */ };

static struct refusal why;
static struct slab *taken; /* what the last pool_get named */

static uint64_t units_held(void) {
  return count_read(CNT_UNITS_TAKEN) - count_read(CNT_UNITS_GIVEN);
}

static void *block(const struct slab *slab, unsigned i) {
  return slab->base + (size_t)i * class_size(CLASS);
}

/* A slab all of whose blocks are claimed. */
static struct slab *full_slab(unsigned class) {
  static void *out[MOST_BLOCKS];
  struct slab *slab = pool_get(class, 1, &taken, &why);
  if (slab) slab_claim(slab, out, class_table[class].blocks);
  return slab;
}

static bool is_listed(const struct slab *slab) {
  return ld_rlx(&slab->state) & SLAB_LISTED;
}

static void round_trip(void) {
  test_begin(
      "a slab of any class that was got is owned, tagged and free; let go, its units go back");
  for (unsigned class = 1; class < CLASSES; class++) {
    struct slab *slab = pool_get(class, 77, &taken, &why);
    const struct class_row *row = &class_table[class];
    CHECK(slab && (slab->state & SLAB_FLAGS) == SLAB_OWNED && slab_class(slab->state) == class);
    CHECK(taken == slab);
    CHECK(slab_count(slab->state) == row->blocks && units_held() == row->units);
    for (unsigned i = 0; i < row->units; i++)
      CHECK(map_tag(slab->base + (size_t)i * UNIT_SIZE) == (77 << TAG_OWNER_SHIFT | 2 * class));
    CHECK(pool_check() == 0 && super_check() == 0);
    pool_let_go(slab);
    CHECK_MSG(units_held() == 0 && map_tag(slab->base) == 0 && slab->state == 0, "class %u", class);
    CHECK(pool_check() == 0 && super_check() == 0);
  }
  test_end();
}

static void finds_touched(void) {
  struct slab *a, *b;
  test_begin("pool_find gives a listed slab only for its blocks that were in use before");
  purge_down_to(0);
  a = pool_get(CLASS, 1, &taken, &why);
  claim_some(a, 20);
  CHECK(slab_touched_free(a) == 0 && ld_rlx(&a->high) == 20);
  pool_let_go(a);
  CHECK(is_listed(a) && !pool_find(CLASS, 1, true, &taken));
  CHECK(!return_blocks(a, 3, 2) && slab_touched_free(a) == 2);
  b = pool_find(CLASS, 1, true, &taken);
  CHECK(b == a && taken == a && (a->state & SLAB_FLAGS) == SLAB_OWNED);
  claim_some(a, 2);
  CHECK(slab_touched_free(a) == 0 && a->high == 20);
  pool_let_go(a);
  return_blocks(a, 0, 20);
  test_end();
}

/* Slabs one behind the other, of whose blocks the first A and B were in use, become free units. */
static void leave_touched(unsigned a, unsigned b) {
  struct slab *first = pool_get(CLASS, 1, &taken, &why);
  struct slab *second = pool_get(CLASS, 1, &taken, &why);
  claim_some(first, a);
  claim_some(second, b);
  pool_let_go(first);
  pool_let_go(second);
  return_blocks(first, 0, a);
  return_blocks(second, 0, b);
}

static unsigned high_of(unsigned class) {
  struct slab *slab = pool_get(class, 1, &taken, &why);
  unsigned high = slab->high;
  pool_let_go(slab);
  return high;
}

static void remembers_touched(void) {
  unsigned wide = class_of(32768); /* 8 units */
  test_begin("units that come back remember how much of them was touched, until they are purged");
  purge_down_to(0);
  leave_touched(20, 0); /* 12,800 bytes: 4 parts of 4 KiB, of which 25.6 blocks */
  CHECK_MSG(high_of(CLASS) == 26 && high_of(wide) == 1, "%u %u", high_of(CLASS), high_of(wide));
  purge_down_to(0);
  leave_touched(20, class_table[CLASS].blocks); /* to the end of the second, with a gap before */
  CHECK_MSG(high_of(wide) == 4, "%u", high_of(wide));
  purge_down_to(0);
  CHECK_MSG(high_of(CLASS) == 0 && high_of(wide) == 0, "%u %u", high_of(CLASS), high_of(wide));
  test_end();
}

static void listing(void) {
  unsigned threshold = class_table[CLASS].threshold;
  unsigned blocks = class_table[CLASS].blocks;
  struct slab *slab = full_slab(CLASS);
  uint64_t carved, recycled;
  test_begin("an unowned slab is listed from its threshold on, and given to the next who asks");
  pool_let_go(slab);
  CHECK(!is_listed(slab) && !(slab->state & SLAB_OWNED) && pool_check() == 0);
  CHECK(!return_blocks(slab, 0, threshold - 1) && !is_listed(slab));
  CHECK(!return_blocks(slab, threshold - 1, 1) && is_listed(slab) && pool_check() == 0);
  carved = count_read(CNT_SLABS_CARVED);
  CHECK(pool_get(CLASS, 5, &taken, &why) == slab && taken == slab);
  CHECK(map_tag(slab->base) == (5 << TAG_OWNER_SHIFT | 2 * CLASS) && pool_check() == 0);
  CHECK(count_read(CNT_SLABS_CARVED) == carved && (slab->state & SLAB_FLAGS) == SLAB_OWNED);
  pool_let_go(slab);
  CHECK(is_listed(slab));
  test_end();
  test_begin(
      "the return of its last block makes a listed slab empty, and its units go back at once");
  recycled = count_read(CNT_SLABS_RECYCLED);
  CHECK(return_blocks(slab, threshold, blocks - threshold));
  CHECK(slab->state == 0 && units_held() == 0 && count_read(CNT_SLABS_RECYCLED) == recycled + 1);
  CHECK(pool_check() == 0 && super_check() == 0);
  test_end();
}

/* As in a child forked when one thread had set its bit, and another had counted one beside it. */
static void hidden_word(void) {
  static void *out[MOST_BLOCKS];
  unsigned threshold = class_table[CLASS].threshold;
  struct slab *slab = full_slab(CLASS);
  uint64_t unseen = 0;
  test_begin("a listed slab has blocks to claim, though who must show their word never does");
  pool_let_go(slab);
  CHECK(slab_return_unseen_any(slab, 0, 1, &unseen) == 0 && unseen == 1);
  CHECK(!return_blocks(slab, 1, threshold) && is_listed(slab));
  CHECK(pool_get(CLASS, 5, &taken, &why) == slab);
  CHECK(slab_claim(slab, out, MOST_BLOCKS) == threshold + 1 && slab_count(slab->state) == -1);
  slab_recount(slab);
  pool_let_go(slab);
  CHECK(return_blocks(slab, 0, class_table[CLASS].blocks) && units_held() == 0 && !pool_check());
  test_end();
}

static void owners_slab(void) {
  struct slab *slab = full_slab(CLASS);
  unsigned blocks = class_table[CLASS].blocks;
  test_begin(
      "an owned slab is never listed or given back by returners; its owner lets go of it empty");
  CHECK(!return_blocks(slab, 0, blocks - 1) && !is_listed(slab));
  CHECK(!let_go_if_empty(slab) && (slab->state & SLAB_OWNED));
  CHECK(!return_blocks(slab, blocks - 1, 1) && units_held() == 1);
  CHECK(let_go_if_empty(slab) && units_held() == 0 && slab->state == 0);
  CHECK(pool_check() == 0);
  test_end();
}

static void fullest_first(void) {
  enum { SLABS = 4 };
  static const unsigned free_blocks[SLABS] = {90, 20, 60, 40}; /* of 102: a quarter each */
  struct slab *slab[SLABS];
  test_begin("the fullest slab is given first, the emptiest last");
  for (int i = 0; i < SLABS; i++) slab[i] = full_slab(CLASS);
  for (int i = 0; i < SLABS; i++) {
    return_blocks(slab[i], 0, free_blocks[i]);
    pool_let_go(slab[i]);
  }
  CHECK(pool_get(CLASS, 1, &taken, &why) == slab[1] && pool_get(CLASS, 1, &taken, &why) == slab[3]);
  CHECK(pool_get(CLASS, 1, &taken, &why) == slab[2] && pool_get(CLASS, 1, &taken, &why) == slab[0]);
  CHECK(pool_check() == 0);
  test_end();
  for (int i = 0; i < SLABS; i++) {
    return_blocks(slab[i], free_blocks[i], class_table[CLASS].blocks - free_blocks[i]);
    CHECK(let_go_if_empty(slab[i]));
  }
}

static void lowest_first(void) {
  test_begin("of two slabs equally full the one at the lower address is given first");
  for (int order = 0; order < 2; order++) {
    struct slab *a = full_slab(CLASS);
    struct slab *b = full_slab(CLASS);
    struct slab *low = a->base < b->base ? a : b;
    return_blocks(a, 0, 50);
    return_blocks(b, 0, 50);
    pool_let_go(order ? a : b);
    pool_let_go(order ? b : a);
    CHECK(pool_get(CLASS, 1, &taken, &why) == low);
    CHECK(pool_get(CLASS, 1, &taken, &why) == (low == a ? b : a));
    return_blocks(a, 50, class_table[CLASS].blocks - 50u);
    return_blocks(b, 50, class_table[CLASS].blocks - 50u);
    CHECK(let_go_if_empty(a) && let_go_if_empty(b) && pool_check() == 0);
  }
  test_end();
}

static void without_cache(void) {
  struct slab *slab = full_slab(CLASS);
  unsigned blocks = class_table[CLASS].blocks;
  test_begin(
      "a block returned without a cache is free once; a second return is refused, and uncounted");
  CHECK(pool_return_block_any(slab, block(slab, 7)) && slab_count(slab->state) == 1);
  CHECK(!pool_return_block_any(slab, block(slab, 7)) && slab_count(slab->state) == 1);
  CHECK(pool_check() == 0);
  pool_let_go(slab);
  for (unsigned i = 0; i < blocks; i++)
    CHECK(i == 7 || pool_return_block_any(slab, block(slab, i)));
  CHECK(slab->state == 0);
  test_end();
}

static void settle_now(void) {
  struct slab *slab = full_slab(CLASS);
  test_begin(
      "pool_settle_now lists what is worth listing, recycles what is empty, spares the rest");
  pool_settle_now(slab);
  CHECK((slab->state & SLAB_FLAGS) == SLAB_OWNED);
  {
    struct slab *all_free = pool_get(CLASS, 1, &taken, &why);
    pool_settle_now(all_free);
    CHECK((all_free->state & SLAB_FLAGS) == SLAB_OWNED && units_held() == 2);
    CHECK(let_go_if_empty(all_free));
  }
  slab_return_any(slab, 0, ~(uint64_t)0);
  and_acq_rel(&slab->state, ~(uint32_t)SLAB_OWNED);
  slab_recount(slab);
  CHECK_REPORTS(pool_check, "I4");
  pool_settle_now(slab);
  CHECK(is_listed(slab) && pool_check() == 0);
  slab_return_any(slab, 1, bit_span(0, class_table[CLASS].blocks - 64u));
  slab_recount(slab);
  CHECK_REPORTS(pool_check, "I5");
  pool_settle_now(slab);
  CHECK(slab->state == 0 && pool_check() == 0);
  pool_settle_now(slab);
  CHECK(slab->state == 0 && super_check() == 0);
  test_end();
}

static void check_can_fail(void) {
  struct slab *slab = full_slab(CLASS);
  test_begin(
      "pool_check sees a slab owned and listed (I3), and one whose count is not its bits (I2)");
  slab->state |= SLAB_LISTED;
  CHECK_REPORTS(pool_check, "I3");
  slab->state &= ~(uint32_t)SLAB_LISTED;
  slab->state += SLAB_COUNT_ONE;
  CHECK_REPORTS(pool_check, "I2");
  slab->state -= SLAB_COUNT_ONE;
  CHECK(pool_check() == 0);
  test_end();
  return_blocks(slab, 0, class_table[CLASS].blocks);
  let_go_if_empty(slab);
}

static void churn(const char *promise, const char *retain) {
  uint64_t held;
  uint64_t mapped;
  test_begin(promise);
  option_set("RETAIN", retain);
  full_slab(1);
  held = units_held();
  mapped = count_read(CNT_SUPER_MAPPED);
  for (int i = 0; i < 100000; i++) {
    unsigned class = 1 + (unsigned)i % 30;
    struct slab *slab = pool_get(class, 1, &taken, &why);
    void *out[8];
    unsigned n = slab_claim(slab, out, 8);
    if (i % 2) pool_let_go(slab);
    for (unsigned k = 0; k < n; k++) pool_return_block_any(slab, out[k]);
    if (i % 2 == 0) CHECK(let_go_if_empty(slab));
  }
  CHECK_MSG(count_read(CNT_SUPER_MAPPED) == mapped, "%lu superslabs more",
            (unsigned long)(count_read(CNT_SUPER_MAPPED) - mapped));
  pool_drop_kept(true);
  CHECK(units_held() == held && pool_check() == 0 && super_check() == 0);
  test_end();
}

static void refusal(void) {
  uint64_t given = count_read(CNT_SLABS_GIVEN);
  test_begin("a slab that is refused says why, is not counted as given, and the next one comes");
  option_set("LIMIT", "1");
  super_drop_empty(0);
  while (pool_get(44, 1, &taken, &why)) given++;
  CHECK(why.reason == REASON_EXHAUSTION && pool_check() == 0 && super_check() == 0);
  CHECK_MSG(count_read(CNT_SLABS_GIVEN) == given, "%lu are counted, %lu were given",
            (unsigned long)count_read(CNT_SLABS_GIVEN), (unsigned long)given);
  option_set("LIMIT", "0");
  CHECK(pool_get(44, 1, &taken, &why));
  test_end();
}

/* The only slab of its class, emptied and let go. */
static struct slab *kept_slab(unsigned class) {
  struct slab *slab = full_slab(class);
  pool_let_go(slab);
  for (unsigned i = 0; i < class_table[class].blocks; i++)
    CHECK(pool_return_block_any(slab, slab->base + (size_t)i * class_size(class)));
  return slab;
}

static uint64_t retained(void) {
  return count_read(CNT_RETAINED_BYTES);
}

static void start_keeping(const char *promise) {
  test_begin(promise);
  option_set("RETAIN", "16M");
  pool_drop_kept(true);
  purge_down_to(0);
  CHECK(retained() == 0);
}

static void keeps_one(void) {
  uint64_t held = units_held();
  uint64_t carved;
  struct slab *slab, *other;
  start_keeping("the empty slab of a class that lists no other stays listed, counted as retained");
  slab = kept_slab(CLASS);
  CHECK(is_listed(slab) && slab_count(slab->state) == class_table[CLASS].blocks);
  CHECK(retained() == UNIT_SIZE && units_held() == held + 1);
  CHECK(pool_check() == 0 && super_check() == 0);
  pool_settle_now(slab); /* one who comes late */
  CHECK(is_listed(slab) && retained() == UNIT_SIZE);
  carved = count_read(CNT_SLABS_CARVED);
  CHECK(pool_find(CLASS, 9, true, &taken) == slab && retained() == 0);
  CHECK(count_read(CNT_SLABS_CARVED) == carved && (slab->state & SLAB_FLAGS) == SLAB_OWNED);
  other = kept_slab(CLASS);
  CHECK(other != slab && is_listed(other) && retained() == UNIT_SIZE);
  CHECK(let_go_if_empty(slab) && slab->state == 0); /* not a second one */
  CHECK(is_listed(other) && retained() == 2 * UNIT_SIZE && pool_check() == 0);
  CHECK(pool_drop_kept(true) == UNIT_SIZE && other->state == 0 && units_held() == held);
  CHECK(retained() == 2 * UNIT_SIZE && pool_check() == 0 && super_check() == 0);
  test_end();
}

static void drops_kept(void) {
  struct slab *slab;
  start_keeping("a kept slab goes at the second look, or when asked for; not if it was used");
  slab = kept_slab(CLASS);
  CHECK(pool_drop_kept(false) == 0 && is_listed(slab));
  CHECK(pool_find(CLASS, 9, true, &taken) == slab && let_go_if_empty(slab) && is_listed(slab));
  CHECK(pool_drop_kept(false) == 0 && is_listed(slab));
  CHECK(pool_drop_kept(false) == UNIT_SIZE && slab->state == 0);
  CHECK(pool_drop_kept(true) == 0 && retained() == UNIT_SIZE && super_check() == 0);
  test_end();
}

static void keeps_little(void) {
  size_t most = 0;
  start_keeping("what all classes keep is at most a quarter of the least budget that allows it");
  for (unsigned class = 1; class < CLASSES; class++) {
    kept_slab(class);
    if (class_table[class].units == 1) most += UNIT_SIZE;
  }
  CHECK(most <= KEEP_BUDGET / 4);
  CHECK_MSG(pool_drop_kept(true) == most, "not %zu bytes", most);
  option_set("RETAIN", "8M");
  kept_slab(CLASS);
  CHECK(pool_drop_kept(true) == 0 && pool_check() == 0 && super_check() == 0);
  test_end();
}

int main(void) {
  clearenv();
  option_load();
  option_set("RETAIN", "8M"); /* too little for slabs to be kept */
  round_trip();
  finds_touched();
  remembers_touched();
  listing();
  hidden_word();
  owners_slab();
  fullest_first();
  lowest_first();
  without_cache();
  settle_now();
  check_can_fail();
  churn("the number of superslabs stays flat over 100,000 slabs filled and emptied", "8M");
  churn("the same while an empty slab of each class is kept", "16M");
  keeps_one();
  drops_kept();
  keeps_little();
  option_set("RETAIN", "8M");
  refusal();
  return test_status();
}
