/* sparse - pages of slabs on which only free blocks lie go back, and nothing else does. */
#include "pool/sparse.h"

#include "helpers/sparse.h"
#include "os/room.h"
#include "super/purge.h"

/* What of SLAB may stay: pages on which something lives. */
static size_t live_pages(const struct slab *slab) {
  const struct class_row *row = &class_table[slab_class(slab->state)];
  size_t page = page_size();
  size_t bytes = 0;
  for (size_t at = 0; at < (size_t)row->units * UNIT_SIZE; at += page) {
    bool lives = false;
    for (size_t i = at / row->size; i < row->blocks && i * row->size < at + page; i++)
      lives |= is_live(slab, (unsigned)i);
    if (lives) bytes += page;
  }
  return bytes;
}

static void asked_for(void) {
  struct slab *slab;
  size_t given;
  start("asked for, all pages without a live block go, of each class and any pattern of holes",
        "10000", "dontneed");
  for (unsigned class = 1; class < CLASSES; class++) {
    const struct class_row *row = &class_table[class];
    uint64_t random = class;
    size_t before;
    slab = full_slab(class);
    before = resident(slab);
    for (unsigned i = 1; i < row->blocks;) { /* runs of free blocks, and runs of live ones */
      unsigned n = 1 + (unsigned)random_below(&random, row->blocks / 3 + 1);
      n = (unsigned)min_size(n, row->blocks - i);
      if (random_below(&random, 4)) give(slab, i, n);
      i += n;
    }
    pool_let_go(slab);
    CHECK(slab->state & SLAB_LISTED);
    given = sparse_purge_all(0);
    CHECK_MSG(live_are_intact(slab), "class %u", class);
    CHECK_MSG(resident(slab) == live_pages(slab) && before == resident(slab) + given,
              "class %u: of %zu bytes %zu went, %zu stay, %zu are alive", class, before, given,
              resident(slab), live_pages(slab));
    CHECK(sparse_purge_all(0) == 0 && pool_check() == 0);
    give_all(slab);
    CHECK(!slab->state);
  }
  test_end();
}

static void owned(void) {
  struct slab *slab;
  start("a slab that somebody owns keeps its pages, in every case", "0", "dontneed");
  slab = full_slab(CLASS);
  give(slab, 1, 60);
  CHECK(sparse_purge_all(0) == 0 && resident(slab) == UNIT_SIZE);
  decay_step(os_milliseconds() + 100000);
  CHECK(resident(slab) == UNIT_SIZE);
  pool_let_go(slab);
  give_all(slab);
  test_end();
}

static bool purged_by(struct slab *slab, uint64_t ms) {
  bool more;
  sparse_purge_aged(ms, SIZE_MAX, &more);
  return resident(slab) < UNIT_SIZE;
}

static void by_age(void) {
  struct slab *slab;
  uint64_t now;
  start("by age they go when the slab has lain on its shelf for HAKMEM_DECAY_MS, not before",
        "10000", "dontneed");
  slab = shelved_slab(CLASS, 0, 60);
  now = os_milliseconds();
  CHECK(count_read(CNT_SPARSE_WAITING) == 1);
  CHECK(!purged_by(slab, now + 9900));
  CHECK(pool_find(CLASS, 1, true, &taken) == slab && count_read(CNT_SPARSE_WAITING) == 0);
  usleep(50000);
  pool_let_go(slab);
  CHECK(!purged_by(slab, now + 10020)); /* in use since */
  CHECK(purged_by(slab, os_milliseconds() + 10000) && resident(slab) == live_pages(slab));
  CHECK(count_read(CNT_SPARSE_WAITING) == 0 && live_are_intact(slab) && pool_check() == 0);
  give_all(slab);
  test_end();
}

static void at_least(void) {
  struct slab *slab;
  start("HAKMEM_DECAY_MS=0 still leaves a slab that was used within 100 ms alone", "0",
        "dontneed");
  slab = shelved_slab(CLASS, 0, 60);
  CHECK(!purged_by(slab, os_milliseconds() + SPARSE_LEAST_MS - 20));
  CHECK(purged_by(slab, os_milliseconds() + SPARSE_LEAST_MS));
  give_all(slab);
  test_end();
}

static void little_room(void) {
  struct slab *slab;
  start("with little room in the cgroup slabs age in an eighth of the time", "8000", "dontneed");
  slab = shelved_slab(CLASS, 0, 60);
  CHECK(!purged_by(slab, os_milliseconds() + 1100));
  room_set(8 * MIB);
  CHECK(!purged_by(slab, os_milliseconds() + 900));
  CHECK(purged_by(slab, os_milliseconds() + 1100));
  room_set(ROOM_UNKNOWN);
  give_all(slab);
  test_end();
}

static void again(void) {
  struct slab *slab;
  uint64_t bytes;
  start("a slab is looked at again when another page of blocks came back, and counts once",
        "1000", "dontneed");
  slab = shelved_slab(CLASS, 4, 8);
  bytes = count_read(CNT_SPARSE_BYTES);
  CHECK(purged_by(slab, os_milliseconds() + 1000));
  CHECK(count_read(CNT_SPARSE_BYTES) == bytes + 2 * 4096);
  CHECK(!sparse_purge_all(0));
  give(slab, 12, 3);
  CHECK(!sparse_purge_all(0) && resident(slab) == UNIT_SIZE - 2 * 4096);
  give(slab, 15, 1);
  CHECK(purged_by(slab, os_milliseconds() + 1000) && resident(slab) == UNIT_SIZE - 3 * 4096);
  give_all(slab);
  test_end();
}

/* What a walk of a program that shrinks gives back, where nothing may stay. */
static size_t purged_as_shrunk(void) {
  size_t supers = sparse_supers();
  size_t keep = 0;
  return sparse_purge_shrunk(&supers, &keep);
}

static void short_ranges(void) {
  struct slab *slab;
  start("where a program shrinks, pages go in ranges of 8 KiB in the mean; single ones by age",
        "10000", "dontneed");
  slab = shelved_slab(CLASS, 4, 4);
  give(slab, 12, 4);
  CHECK(purged_as_shrunk() == 0 && resident(slab) == UNIT_SIZE);
  CHECK(count_read(CNT_SPARSE_WAITING) == 1);
  give(slab, 20, 16); /* a page, a page, and four */
  CHECK(purged_as_shrunk() == 6 * 4096);
  give(slab, 40, 4);
  give(slab, 48, 4);
  CHECK(purged_by(slab, os_milliseconds() + 10000) && resident(slab) == UNIT_SIZE - 8 * 4096);
  CHECK(live_are_intact(slab));
  give_all(slab);
  slab = shelved_slab(CLASS, 4, 4);
  CHECK(purged_as_shrunk() == 0 && sparse_purge_all(0) == 4096);
  give_all(slab);
  test_end();
}

static void taken_last(void) {
  struct slab *purged;
  struct slab *warm;
  uint64_t carved;
  start("slabs whose pages went serve after resident ones and before fresh units", "10000",
        "dontneed");
  warm = full_slab(CLASS);
  purged = full_slab(CLASS);
  give(purged, 4, 20); /* the fuller one would come first */
  pool_let_go(purged);
  CHECK(sparse_purge_all(0) == 5 * 4096);
  give(warm, 4, 40);
  pool_let_go(warm);
  carved = count_read(CNT_SLABS_CARVED);
  CHECK(pool_find(CLASS, 1, true, &taken) == warm && !pool_find(CLASS, 1, true, &taken));
  CHECK(pool_get(CLASS, 1, &taken, &why) == purged && count_read(CNT_SLABS_CARVED) == carved);
  pool_let_go(warm);
  pool_let_go(purged);
  CHECK(count_read(CNT_SPARSE_WAITING) == 2); /* both were in use since */
  give_all(warm);
  give_all(purged);
  test_end();
}

static void fresh_again(void) {
  struct slab *slab;
  start("blocks at the end of a slab whose pages went count as never handed out", "10000",
        "dontneed");
  slab = full_slab(CLASS);
  give(slab, 4, 4);
  give(slab, 9, 55);
  pool_let_go(slab);
  CHECK(sparse_purge_all(0) == 14 * 4096);
  CHECK(pool_get(CLASS, 1, &taken, &why) == slab && slab->high == 12);
  CHECK(slab_touched_free(slab) == 7 && slab->high < class_table[CLASS].blocks);
  CHECK(slab_claim(slab, out, 59) == 59 && slab->high == 64);
  for (unsigned i = 0; i < 59; i++) memset(out[i], 1, 1024);
  CHECK(live_are_intact(slab) == false && resident(slab) == UNIT_SIZE);
  pool_let_go(slab);
  give_all(slab);
  test_end();
}

static void keeps(void) {
  struct slab *slab[4];
  start("told to keep bytes, it leaves slabs with so many of free pages as they are", "10000",
        "dontneed");
  for (int i = 0; i < 4; i++) slab[i] = full_slab(CLASS);
  for (int i = 0; i < 4; i++) {
    give(slab[i], 4, 40);
    pool_let_go(slab[i]);
  }
  CHECK(sparse_purge_all(20 * 4096) == 2 * 10 * 4096);
  CHECK(count_read(CNT_SPARSE_WAITING) == 2 && pool_check() == 0);
  CHECK(sparse_purge_all(20 * 4096) == 0 && sparse_purge_all(0) == 2 * 10 * 4096);
  for (int i = 0; i < 4; i++) give_all(slab[i]);
  test_end();
}

static void ways(void) {
  struct slab *slab;
  start("HAKMEM_PURGE=off leaves all but to who asks; free leaves pages to the system", "1000",
        "off");
  slab = shelved_slab(CLASS, 4, 40);
  CHECK(!purged_by(slab, os_milliseconds() + 5000) && count_read(CNT_SPARSE_WAITING) == 1);
  option_set("PURGE", "free");
  purged_by(slab, os_milliseconds() + 5000);
  CHECK(count_read(CNT_SPARSE_WAITING) == 0 && live_are_intact(slab));
  CHECK(pool_find(CLASS, 1, true, &taken) == slab); /* like resident */
  pool_let_go(slab);
  purged_by(slab, os_milliseconds() + 5000);
  CHECK(sparse_purge_all(0) == 10 * 4096 && resident(slab) == UNIT_SIZE - 10 * 4096);
  CHECK(sparse_purge_all(0) == 0 && live_are_intact(slab));
  give_all(slab);
  test_end();
}

static void batches(void) {
  enum { SLABS = 24 * SUPER_UNITS };
  static struct slab *slab[SLABS];
  uint64_t later;
  size_t done;
  int steps = 0;
  bool more = true;
  start("a pass gives back a batch, and goes on where it stopped", "1000", "dontneed");
  for (int i = 0; i < SLABS; i++) slab[i] = full_slab(CLASS);
  for (int i = 0; i < SLABS; i++) {
    give(slab[i], 4, 60);
    pool_let_go(slab[i]);
  }
  later = os_milliseconds() + 2000;
  for (done = 0; done < SLABS * 15 * 4096 && steps < 100; steps++) {
    size_t bytes = sparse_purge_aged(later, MIB, &more);
    CHECK_MSG(bytes < MIB + SUPER_SIZE, "%zu KiB at once", bytes / KIB);
    done += bytes;
  }
  CHECK_MSG(steps >= 24 && steps < 100, "%d steps", steps);
  CHECK(count_read(CNT_SPARSE_WAITING) == 0 && pool_check() == 0);
  for (int i = 0; i < SLABS; i++) give_all(slab[i]);
  test_end();
}

/* Each superslab's worth of growth is a look at some, in a hundredth of the time. */
static void growing(void) {
  struct slab *slab;
  struct units units[2];
  start("while a program grows, slabs that were not used for a hundredth of the time go", "50000",
        "dontneed");
  slab = shelved_slab(CLASS, 4, 40);
  super_drop_empty(0);
  decay_step(os_milliseconds()); /* from here on growth counts */
  CHECK(decay_growth == count_read(CNT_SUPER_BYTES) + SUPER_SIZE);
  CHECK(sparse_purge_grown(os_milliseconds() + 400) == 0);
  CHECK(sparse_purge_grown(os_milliseconds() + 500) == 10 * 4096 && live_are_intact(slab));
  CHECK(pool_get(CLASS, 1, &taken, &why) == slab);
  pool_let_go(slab);
  usleep(150000);
  option_set("DECAY_MS", "1000"); /* the hundredth is below what is left alone at least */
  decay_pass();
  CHECK(count_read(CNT_SPARSE_WAITING) == 1);
  CHECK(units_take(SUPER_UNITS, 1, &units[0], &why) && units_take(SUPER_UNITS, 1, &units[1], &why));
  decay_pass();
  CHECK(count_read(CNT_SPARSE_WAITING) == 0 && live_are_intact(slab));
  for (int i = 0; i < 2; i++) units_give(units[i].super, units[i].first, SUPER_UNITS);
  give_all(slab);
  test_end();
}

static void checked(void) {
  struct slab *slab;
  start("pool_check tells when the count of waiting slabs or a slab's mark is wrong", "1000",
        "dontneed");
  slab = full_slab(CLASS);
  slab_super(slab)->looked[unit_of(slab->base)] = 1;
  CHECK_REPORTS(pool_check, "looked at");
  slab_super(slab)->looked[unit_of(slab->base)] = 0;
  count_any(CNT_SPARSE_WAITING, 1);
  CHECK_REPORTS(pool_check, "wait for a look");
  count_down_any(CNT_SPARSE_WAITING, 1);
  pool_let_go(slab);
  give_all(slab);
  test_end();
}

static int stopping;

static void *map_and_unmap(void *unused) {
  while (!ld_rlx(&stopping)) {
    struct refusal refused;
    struct units units;
    if (units_take(SUPER_UNITS, 1, &units, &refused))
      units_give(units.super, units.first, SUPER_UNITS);
  }
  return unused;
}

/* Which calls the walk over all of them. */
static void counted(void) {
  enum { OTHERS = 3, LOOKS = 3000000 };
  pthread_t other[OTHERS];
  size_t most = 0;
  uint64_t live = 0;
  test_begin("superslabs and live bytes that are counted while others come and go are not below 0");
  option_set("SS_CACHE", "0");
  super_drop_empty(0);
  for (int i = 0; i < OTHERS; i++) pthread_create(&other[i], NULL, map_and_unmap, NULL);
  for (int i = 0; i < LOOKS; i++) {
    most = max_size(most, sparse_supers());
    live = max_size(live, purge_live());
  }
  st_rlx(&stopping, 1);
  for (int i = 0; i < OTHERS; i++) pthread_join(other[i], NULL);
  CHECK_MSG(most < 1000000 && live < (uint64_t)1000000 * SUPER_SIZE, "%zu superslabs, %llu live",
            most, (unsigned long long)live);
  test_end();
}

static void taken_back(void) {
  struct units units;
  struct slab *slab;
  test_begin("a carved slab that a fork left without tags and owner gets its tags, and is kept");
  option_set("SS_CACHE", "16");
  option_set("DECAY_MS", "10000");
  option_set("RETAIN", "16M");
  CHECK(units_take(1, 1, &units, &why));
  slab = slab_carve(&units, CLASS);
  CHECK(map_tag(slab->base) == 0);
  pool_take_back(slab);
  CHECK((slab->state & SLAB_FLAGS) == SLAB_LISTED && map_tag(slab->base) == 2 * CLASS);
  CHECK(pool_check() == 0 && super_check() == 0);
  CHECK(pool_drop_kept(true) == UNIT_SIZE && !slab->state && !map_tag(slab->base));
  test_end();
}

int main(void) {
  clearenv();
  option_load();
  asked_for();
  owned();
  by_age();
  at_least();
  little_room();
  again();
  short_ranges();
  taken_last();
  fresh_again();
  keeps();
  ways();
  batches();
  growing();
  checked();
  counted();
  taken_back();
  return test_status();
}
