/* cache - magazines and the outbox: what a refill takes, what a flush gives, what is kept. */
#include "front/cache.h"

#include "ace/plan.h"
#include "front/front.h"
#include "helpers/caches.h"
#include "super/purge.h"

enum { CLASS = 10 /* 192 bytes */, MANY = 2000 };

static void *block[MANY];

static unsigned capacity_of(unsigned class) {
  return class_table[class].capacity;
}

/* Allocates N blocks of CLASS: they are the slab's lowest, in order, and come of one refill. */
static void take_in_order(struct thread *t, unsigned class, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    block[i] = front_alloc(class_size(class), NULL);
    CHECK_MSG(magazine_blocks(t, class) == n - 1 - i, "class %u: %u cached after %u", class,
              magazine_blocks(t, class), i + 1);
    CHECK_MSG(block[i] == t->cell[class].slab->base + (size_t)i * class_size(class),
              "class %u: block %u is not the %u-th lowest", class, i, i);
  }
}

static void refill_takes_lowest(void) {
  struct thread *t = fresh_self();
  test_begin("a refill takes half a magazine, of fresh memory a page, the lowest address first");
  for (unsigned class = 1; class < CLASSES; class++) {
    unsigned half = (capacity_of(class) + 1) / 2;
    unsigned page = plan_fresh(class, 0);
    purge_down_to(0); /* what the class before touched is fresh again */
    take_in_order(t, class, page < half ? page : half);
    for (unsigned i = page < half ? page : half; i < 2 * half; i++)
      block[i] = front_alloc(class_size(class), NULL);
    for (unsigned i = 0; i < 2 * half - 1; i++) CHECK(front_free(block[i]));
    front_flush();
    take_in_order(t, class, half);
    for (unsigned i = 0; i < half; i++) CHECK(front_free(block[i]));
    CHECK(front_free(block[2 * half - 1]));
    front_flush();
  }
  CHECK_ALL();
  test_end();
}

static void older_half_goes(void) {
  struct thread *t = fresh_self();
  unsigned capacity = capacity_of(CLASS);
  unsigned half = (capacity + 1) / 2;
  test_begin("a full magazine flushes its older half and keeps the younger one, in order");
  for (unsigned i = 0; i < 2 * capacity; i++) block[i] = front_alloc(class_size(CLASS), NULL);
  front_flush();
  for (unsigned i = 0; i < capacity; i++) front_free(block[i]);
  CHECK_MSG(magazine_blocks(t, CLASS) == capacity, "%u cached", magazine_blocks(t, CLASS));
  front_free(block[capacity]);
  CHECK_MSG(magazine_blocks(t, CLASS) == capacity - half + 1, "%u", magazine_blocks(t, CLASS));
  for (unsigned i = 0; i < half; i++) CHECK(!block_is_out(block[i]));
  for (unsigned i = half; i <= capacity; i++) {
    CHECK(block_is_out(block[i]) && t->cell[CLASS].base[i - half] == block[i]);
  }
  CHECK(front_alloc(class_size(CLASS), NULL) == block[capacity]);
  for (unsigned i = capacity; i < 2 * capacity; i++) front_free(block[i]);
  check_cached_once(t);
  front_flush();
  CHECK_ALL();
  CHECK(live_blocks() == 0);
  test_end();
}

static void all_of_a_full_one_go(void) {
  struct thread *t = fresh_self();
  uint64_t state = 5;
  test_begin("all blocks of the largest magazine go at once, also in a random order");
  for (unsigned i = 0; i < MAGAZINE_MAX; i++) block[i] = front_alloc(16, NULL);
  front_flush();
  shuffle(block, MAGAZINE_MAX, &state);
  for (unsigned i = 0; i < MAGAZINE_MAX; i++) front_free(block[i]);
  CHECK(magazine_blocks(t, 1) == MAGAZINE_MAX && MAGAZINE_MAX > FLUSH_MAX);
  front_flush();
  CHECK(live_blocks() == 0);
  test_end();
}

static void empties_its_slab(void) {
  struct thread *t = fresh_self();
  uint64_t held;
  test_begin("a flush that makes the thread's own slab empty lets go of it, and its units go back");
  for (unsigned i = 0; i < 300; i++) block[i] = front_alloc(class_size(CLASS), NULL);
  held = count_read(CNT_UNITS_TAKEN) - count_read(CNT_UNITS_GIVEN);
  for (unsigned i = 0; i < 300; i++) front_free(block[i]);
  front_flush();
  pool_drop_kept(true);
  CHECK(held >= 1 && count_read(CNT_UNITS_TAKEN) == count_read(CNT_UNITS_GIVEN));
  CHECK(!t->cell[CLASS].slab && !cached_blocks(t) && live_blocks() == 0);
  CHECK_ALL();
  test_end();
}

/* --- the outbox: blocks that another thread allocated and that outlive it --- */

static size_t gift_size;
static unsigned gift_blocks;

/* Keeps the slabs' ids apart from the main thread's, which gets its own back otherwise. */
static void *make_gifts(void *unused) {
  (void)unused;
  for (unsigned i = 0; i < gift_blocks; i++) block[i] = front_alloc(gift_size, NULL);
  return NULL;
}

static void get_gifts(size_t size, unsigned blocks) {
  pthread_t thread;
  gift_size = size;
  gift_blocks = blocks;
  pthread_create(&thread, NULL, make_gifts, NULL);
  pthread_join(thread, NULL);
}

static void outbox_bounds(void) {
  struct thread *t = fresh_self();
  test_begin(
      "the outbox keeps other threads' blocks, bounded in number and bytes, and returns them all");
  for (size_t size = 16; size <= 8192; size *= 2) {
    size_t most_bytes = 0;
    get_gifts(size, MANY);
    for (unsigned i = 0; i < MANY; i++) {
      size_t sum = 0;
      CHECK(front_free(block[i]));
      for (unsigned k = 0; k < t->out_blocks; k++) sum += front_usable(t->out[k]);
      CHECK_MSG(sum == t->out_bytes && sum <= OUTBOX_BYTES && t->out_blocks <= OUTBOX_MAX,
                "%u blocks of %zu bytes", t->out_blocks, size);
      most_bytes = max_size(most_bytes, sum);
    }
    CHECK_MSG(size <= OUTBOX_BLOCK_MAX ? most_bytes > 0 : most_bytes == 0,
              "%zu bytes at most for blocks of %zu", most_bytes, size);
    check_cached_once(t);
    front_flush();
    CHECK(t->out_blocks == 0 && t->out_bytes == 0 && live_blocks() == 0);
    CHECK_ALL();
  }
  CHECK(tally_read(TLY_REMOTE_FREES) >= 9 * MANY && tally_read(TLY_REMOTE_FLUSHES) > 0);
  test_end();
}

static void large_ones(void) {
  struct thread *t = fresh_self();
  unsigned class = map_tag(block[0] = front_alloc(8192, NULL)) / 2 % 128;
  uint64_t remote;
  test_begin("a large block of an ended thread is cached, and its unit is the thread's own then");
  front_free(block[0]);
  front_flush();
  get_gifts(8192, 40);
  remote = tally_read(TLY_REMOTE_FREES);
  CHECK(map_tag(block[0]) >> TAG_OWNER_SHIFT != t->id);
  CHECK(front_free(block[0]));
  CHECK(map_tag(block[0]) >> TAG_OWNER_SHIFT == t->id && block_is_out(block[0]));
  CHECK(magazine_blocks(t, class) == 1 && tally_read(TLY_REMOTE_FREES) == remote + 1);
  CHECK(front_alloc(8192, NULL) == block[0] && front_free(block[0]));
  CHECK(tally_read(TLY_REMOTE_FREES) == remote + 1);
  for (int i = 1; i < 40; i++) CHECK(front_free(block[i]));
  CHECK(tally_read(TLY_REMOTE_FREES) < remote + 40 && t->out_blocks == 0);
  check_cached_once(t);
  front_flush();
  CHECK(live_blocks() == 0);
  CHECK_ALL();
  test_end();
  test_begin("one of a slab that somebody owns goes back to it at once");
  block[0] = front_alloc(8192, NULL);
  map_set_tags(block[0], 1, (t->id + 1) << TAG_OWNER_SHIFT | 2 * class);
  CHECK(front_free(block[0]) && !block_is_out(block[0]));
  front_flush();
  CHECK_ALL();
  test_end();
}

static void batches(void) {
  struct thread *t = fresh_self();
  uint64_t state = 13;
  test_begin("cache_return takes up to 512 blocks of any classes and slabs, in any order");
  for (int round = 0; round < 300; round++) {
    unsigned n = 1 + (unsigned)random_below(&state, 512);
    for (unsigned i = 0; i < n; i++) {
      struct refusal why;
      unsigned class = 1 + (unsigned)random_below(&state, CLASSES - 1);
      CHECK(cache_issue(t, class, &block[i], 1, &why) == 1 && block_is_out(block[i]));
    }
    shuffle(block, n, &state);
    cache_return(t, 0, block, n);
    if (round % 50 == 0) CHECK_ALL();
  }
  front_flush();
  CHECK(live_blocks() == 0 && count_read(CNT_DOUBLE_FREES) == 0);
  CHECK_ALL();
  test_end();
}

/* Takes N neighbours of one slab, the lowest first; OUT has room for a slab's. */
static void take_neighbours(unsigned class, void **out, unsigned n) {
  struct thread *t = thread_self();
  struct refusal why;
  cache_let_go(t, class);
  do CHECK(cache_issue(t, class, &out[0], 1, &why) == 1);
  while (out[0] != slab_of(out[0])->base); /* a slab that is all free */
  for (unsigned i = 1; i < n; i++) {
    CHECK(cache_issue(t, class, &out[i], 1, &why) == 1);
    CHECK((char *)out[i] - (char *)out[0] == (ptrdiff_t)(i * class_size(class)));
  }
}

/* Of every class that has so many in a slab, from each place, in both directions. */
static void neighbours(void) {
  enum { MOST = 150 };
  static void *out[MOST];
  fresh_self();
  test_begin("blocks that lie one behind the other go back at once, and so does what is left");
  for (unsigned class = 1; class < CLASSES; class++) {
    unsigned n = (unsigned)min_size(class_table[class].blocks, MOST);
    unsigned part = n / 3;
    struct slab *slab;
    uint32_t before;
    take_neighbours(class, out, n);
    slab = slab_of(out[0]);
    before = ld_rlx(&slab->state);
    cache_return(thread_self(), class, out + part, n - 2 * part);
    CHECK(slab_count(ld_rlx(&slab->state)) == slab_count(before) + (int32_t)(n - 2 * part));
    CHECK(slab_check(slab) == 0 && block_is_out(out[part - 1]) && !block_is_out(out[part]));
    CHECK(!block_is_out(out[n - part - 1]) && block_is_out(out[n - part]));
    for (unsigned i = 0; i < part / 2; i++) {
      void *p = out[i];
      out[i] = out[part - 1 - i];
      out[part - 1 - i] = p;
    }
    cache_return(thread_self(), class, out, part);
    CHECK(slab_check(slab) == 0 && !block_is_out(out[0]) && !block_is_out(out[part - 1]));
    cache_return(thread_self(), 0, out + n - part, part);
  }
  front_flush();
  CHECK(live_blocks() == 0);
  CHECK_ALL();
  test_end();
}

/* --- misuse that a flush finds --- */

static void *beside[MANY]; /* neighbours of one slab */

static void return_neighbours_twice(void) {
  cache_return(thread_self(), CLASS, beside + 5, 1);
  cache_return(thread_self(), CLASS, beside, 20);
}

static void return_beside_neighbours(void) {
  for (int i = 0; i < 20; i++) beside[i] = (char *)beside[i] + 16;
  cache_return(thread_self(), CLASS, beside, 20);
}

/* Half of them lie behind the last block. */
static void return_beyond_last(void) {
  const struct slab *slab = slab_of(beside[0]);
  const struct class_row *row = &class_table[CLASS];
  for (int i = 0; i < 20; i++) beside[i] = slab->base + (size_t)(row->blocks - 10 + i) * row->size;
  cache_return(thread_self(), CLASS, beside, 20);
}

static void misuse_of_neighbours(void) {
  fresh_self();
  take_neighbours(CLASS, beside, class_table[CLASS].blocks);
  test_begin("a block freed twice, or none at all, is named among neighbours, too");
  expect_abort(return_neighbours_twice, "double free");
  expect_abort(return_beside_neighbours, "middle of a block");
  expect_abort(return_beyond_last, "hakmem: ");
  test_end();
  cache_return(thread_self(), CLASS, beside, class_table[CLASS].blocks);
}

static void free_twice(void) {
  front_free(block[0]);
  front_free(block[0]);
  front_flush();
}

static void free_large_twice(void) {
  front_free(block[4]);
}

static void free_large_inside(void) {
  front_free((char *)block[5] + 4096);
}

static void free_returned(void) {
  front_free(block[0]);
  front_flush();
  front_free(block[0]);
  front_flush();
}

static void free_inside(void) {
  front_free((char *)block[0] + 16);
  front_flush();
}

/* The first byte behind the last block of a slab whose blocks do not fill it. */
static void free_behind_last(void) {
  const struct class_row *row = &class_table[CLASS];
  front_free(slab_of(block[0])->base + (size_t)row->blocks * row->size);
  front_flush();
}

static void misuse(void) {
  fresh_self();
  for (int i = 0; i < 4; i++) block[i] = front_alloc(class_size(CLASS), NULL);
  test_begin("a block freed twice is named at the flush, in one batch or in two");
  expect_abort(free_twice, "double free");
  expect_abort(free_returned, "double free");
  test_end();
  test_begin("a pointer into a block is named at the flush");
  expect_abort(free_inside, "middle of a block");
  test_end();
  test_begin("a pointer behind the last block of a slab is named, and never becomes a block");
  expect_abort(free_behind_last, "hakmem: ");
  test_end();
  for (int i = 0; i < 4; i++) front_free(block[i]);
  front_flush();
  get_gifts(8192, 16);
  front_free(block[4]);
  front_flush();
  map_set_tags(block[4], 1, 1000u << TAG_OWNER_SHIFT | (map_tag(block[4]) & TAG_CODE_MASK));
  map_set_tags(block[5], 1, 1000u << TAG_OWNER_SHIFT | (map_tag(block[5]) & TAG_CODE_MASK));
  test_begin("of a large block of an ended thread both are named by free itself");
  expect_abort(free_large_twice, "double free");
  expect_abort(free_large_inside, "middle of a block");
  test_end();
  for (int i = 0; i < 16; i++)
    if (i != 4) front_free(block[i]);
  front_flush();
}

int main(void) {
  start_at_base();
  refill_takes_lowest();
  older_half_goes();
  all_of_a_full_one_go();
  empties_its_slab();
  outbox_bounds();
  large_ones();
  batches();
  neighbours();
  misuse();
  misuse_of_neighbours();
  return test_status();
}
