/* validate - faults put into blocks by hand: each is seen, named and kept out of the caches. */
#include "front/validate.h"

#include "diag/option.h"
#include "helpers/caches.h"
#include "os/stderr.h"

enum { SIZE = 192, CLASS = 10, STATE_MARK = 0x77, STATE_LIVE = 3, STATE_FREE = 2 };

static void switch_to(const char *value) {
  CHECK(option_set("TINY_SLL_VALIDATE_HDR", value) == 0);
  front_regate();
}

/* The captured file becomes what stderr was at start, to which the box keeps. */
static void listen(struct capture *c) {
  capture_start(c);
  os_keep_stderr();
}

static uint64_t violations(void) {
  return count_read(CNT_VIOLATIONS);
}

static uint8_t *table_of(void *p) {
  struct superslab *super = map_super(p);
  return super->states;
}

static uint8_t *state_of(void *p) {
  uint8_t *table = table_of(p);
  return table ? table + ((uintptr_t)p & (SUPER_SIZE - 1)) / GRAIN : NULL;
}

/* ENTER must be refused, counted once, and said in one line with WORDS, the class and FOUND. */
static void expect_refusal(void *p, unsigned class, const char *words, unsigned found) {
  char said[4000];
  char wanted[200];
  struct capture c;
  uint64_t before = violations();
  bool accepted;
  listen(&c);
  accepted = validate_enter(p, class);
  capture_end(&c, said, sizeof said);
  snprintf(wanted, sizeof wanted, "[HAK-VALIDATE] %s: %p class=%u found=%u callers: 0x", words, p,
           class, found);
  CHECK_MSG(!accepted, "%s: it is accepted", words);
  CHECK_MSG(violations() == before + 1, "%s: counted %llu times", words,
            (unsigned long long)(violations() - before));
  CHECK_MSG(!strncmp(said, wanted, strlen(wanted)) && count_lines(said) == 1,
            "'%s' expected, '%s' found", wanted, said);
}

/* --- the table cannot be had: first, while there is none --- */

static void without_table(void) {
  struct rlimit space, none;
  char *p = front_alloc(SIZE, NULL);
  CHECK(p && !table_of(p));
  getrlimit(RLIMIT_AS, &space);
  none = (struct rlimit){0, space.rlim_max};
  setrlimit(RLIMIT_AS, &none);
  switch_to("1");
  CHECK(front_free(p) && violations() == 0);
  p = front_alloc(SIZE, NULL);
  CHECK(p && !table_of(p));
  CHECK(front_free(p) && violations() == 0);
  p = front_alloc(SIZE, NULL);
  CHECK(p && !table_of(p));
  setrlimit(RLIMIT_AS, &space);
  CHECK(front_free(p) && violations() == 0);
  CHECK(table_of(p) && *state_of(p) == STATE_FREE);
  expect_refusal(p, CLASS, "duplicate: block is free already", STATE_FREE);
}

static void no_table(void) {
  test_begin("where the system refuses the table, blocks come and go unchecked, and later, too");
  expect_return(without_table);
  test_end();
}

/* --- one fault each --- */

static void right_ones(void) {
  static void *block[3000];
  test_begin("blocks of every class, freed as they were given, are accepted");
  for (unsigned class = 1; class < CLASSES; class++) {
    for (int i = 0; i < 20; i++) block[i] = front_alloc(class_size(class), NULL);
    CHECK(*state_of(block[7]) == STATE_LIVE);
    for (int i = 0; i < 20; i++) CHECK(front_free(block[i]));
  }
  for (int i = 0; i < 3000; i++) block[i] = front_alloc_aligned(64, SIZE);
  for (int i = 0; i < 3000; i++) CHECK(front_free(block[i]));
  CHECK(violations() == 0);
  CHECK_ALL();
  test_end();
}

static void wrong_state(void) {
  void *p = front_alloc(SIZE, NULL);
  test_begin("a block whose state byte is none of the two is refused, and the byte stays");
  CHECK(class_of(SIZE) == CLASS);
  *state_of(p) = STATE_MARK;
  expect_refusal(p, CLASS, "block without a proper state", STATE_MARK);
  CHECK(*state_of(p) == STATE_MARK);
  *state_of(p) = 0;
  expect_refusal(p, CLASS, "block without a proper state", 0);
  *state_of(p) = STATE_LIVE;
  CHECK(front_free(p));
  test_end();
}

static void wrong_class(void) {
  void *p = front_alloc(SIZE, NULL);
  test_begin("a block of another class than its caller says is refused");
  expect_refusal(p, CLASS + 1, "wrong class", CLASS);
  CHECK(*state_of(p) == STATE_LIVE);
  CHECK(front_free(p));
  test_end();
}

static void interior(void) {
  char *p = front_alloc(SIZE, NULL);
  struct slab *slab = slab_of(p);
  unsigned i = slab_index(slab, &class_table[CLASS], p);
  test_begin("a pointer into a block is refused, with the index of the block");
  expect_refusal(p + 16, CLASS, "pointer inside a block", i);
  expect_refusal(p + 1, CLASS, "pointer inside a block", i);
  expect_refusal(p + SIZE - 1, CLASS, "pointer inside a block", i);
  CHECK(*state_of(p) == STATE_LIVE);
  CHECK(front_free(p));
  test_end();
}

static void duplicate(void) {
  struct thread *t = thread_self();
  void *p = front_alloc(SIZE, NULL);
  unsigned cached;
  test_begin("a block that is free already is refused, and does not come into a cache twice");
  CHECK(front_free(p));
  cached = cached_blocks(t);
  expect_refusal(p, CLASS, "duplicate: block is free already", STATE_FREE);
  CHECK(front_free(p)); /* as hakmem's own, but without effect */
  CHECK_MSG(cached_blocks(t) == cached, "%u cached blocks became %u", cached, cached_blocks(t));
  check_cached_once(t);
  CHECK_ALL();
  test_end();
}

/* --- how much is said --- */

static void first_ten(void) {
  char said[40000];
  struct capture c;
  void *p = front_alloc(SIZE, NULL);
  uint64_t before = violations();
  test_begin("only ten violations are written in all, and every one is counted");
  listen(&c);
  for (int i = 0; i < 1000; i++) validate_enter((char *)p + 16, CLASS);
  capture_end(&c, said, sizeof said);
  CHECK_MSG(before < 10 && count_lines(said) == 10 - (int)before, "%llu before, %d lines",
            (unsigned long long)before, count_lines(said));
  CHECK(violations() == before + 1000);
  CHECK(front_free(p));
  test_end();
}

static void off_again(void) {
  void *p = front_alloc(SIZE, NULL);
  uint64_t before = violations();
  test_begin("switched off, blocks are neither marked nor checked");
  switch_to("0");
  *state_of(p) = STATE_MARK;
  CHECK(front_free(p) && violations() == before);
  CHECK(*state_of(p) == STATE_MARK);
  p = front_alloc(SIZE, NULL);
  CHECK(*state_of(p) == STATE_MARK);
  *state_of(p) = STATE_LIVE;
  CHECK(front_free(p));
  test_end();
}

static void late(void) {
  void *p;
  uint64_t before = violations();
  test_begin("switched on late, a block without a state is accepted, one that is free is not");
  front_flush();
  switch_to("0");
  p = front_alloc(SIZE, NULL);
  *state_of(p) = 0;
  validate_late();
  switch_to("1");
  CHECK(front_free(p) && violations() == before);
  CHECK(!validate_enter(p, CLASS) && violations() == before + 1);
  test_end();
}

int main(void) {
  no_table();
  thread_self();
  switch_to("1");
  right_ones();
  wrong_state();
  wrong_class();
  interior();
  duplicate();
  first_ten();
  off_again();
  late();
  CHECK_ALL();
  return test_status();
}
