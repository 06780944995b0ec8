/* superslab - units in and out, against a model of one 64-bit word per superslab. */
#include "super/superslab.h"

#include <errno.h>

#include "diag/counter.h"
#include "diag/option.h"
#include "helpers/box.h"
#include "os/map.h"
#include "super/purge.h"

enum { HOLDINGS = 160, MODELS = 64 };

struct holding {
  struct units units;
  unsigned n; /* 0: none */
  unsigned char value;
};

struct model {
  struct superslab *super;
  uint64_t held;
};

static uint64_t state = 7;
static struct holding holdings[HOLDINGS];
static struct model models[MODELS];

static uint64_t *model_of(struct superslab *super) {
  int spare = -1;
  for (int i = 0; i < MODELS; i++) {
    if (models[i].super == super) return &models[i].held;
    if (spare < 0 && !models[i].held) spare = i;
  }
  models[spare].super = super;
  return &models[spare].held;
}

/* Writes a byte at the start and the end of each unit, or tells whether it is there. */
static void mark(const struct holding *h, unsigned char value) {
  for (unsigned i = 0; i < h->n; i++) {
    char *p = unit_address(h->units.super, h->units.first + i);
    p[0] = p[UNIT_SIZE - 1] = (char)value;
  }
}

static bool marked(const struct holding *h, unsigned char value) {
  for (unsigned i = 0; i < h->n; i++) {
    const char *p = unit_address(h->units.super, h->units.first + i);
    if (p[0] != (char)value || p[UNIT_SIZE - 1] != (char)value) return false;
  }
  return true;
}

static void take(struct holding *h) {
  static const unsigned common[] = {1, 1, 1, 2, 4, 8, 16, 32};
  unsigned align = 1u << random_below(&state, 7);
  struct refusal why;
  uint64_t *held;
  uint64_t span;
  unsigned n = random_below(&state, 3) ? common[random_below(&state, 8)]
                                       : 1 + (unsigned)random_below(&state, 64);
  if (random_below(&state, 2)) align = 1;
  if (!units_take(n, align, &h->units, &why)) {
    test_fail("%u units at %u are refused", n, align);
    return;
  }
  h->n = n;
  held = model_of(h->units.super);
  span = bit_span(h->units.first, n);
  CHECK_MSG(h->units.first % align == 0 && h->units.first + n <= SUPER_UNITS, "%u units at %u: %u",
            n, align, h->units.first);
  CHECK_MSG(!(*held & span), "units %u+%u are held already", h->units.first, n);
  if (!h->units.stale) CHECK_MSG(marked(h, 0), "%u units said to be zeroed are not", n);
  *held |= span;
  h->value = (unsigned char)(1 + random_below(&state, 255));
  mark(h, h->value);
}

static void give(struct holding *h) {
  CHECK_MSG(marked(h, h->value), "units %u+%u changed while held", h->units.first, h->n);
  *model_of(h->units.super) &= ~bit_span(h->units.first, h->n);
  units_give(h->units.super, h->units.first, h->n);
  h->n = 0;
}

static void extend(struct holding *h) {
  unsigned more = 1 + (unsigned)random_below(&state, 16);
  uint64_t *held = model_of(h->units.super);
  unsigned end = h->units.first + h->n;
  bool fits = end + more <= SUPER_UNITS && !(*held & bit_span(end, more));
  bool done = units_extend(h->units.super, h->units.first, h->n, h->n + more);
  /* Only a purge under way may keep free units away, and there is none in one thread. */
  CHECK_MSG(done == fits, "%u+%u by %u: %d", h->units.first, h->n, more, done);
  if (!done) return;
  CHECK_MSG(marked(h, h->value), "an extension changes the content");
  *held |= bit_span(end, more);
  h->n += more;
  mark(h, h->value);
}

/* Every superslab's free units are the model's, and all check. */
static void compare(int at_step) {
  size_t supers = 0;
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    struct superslab *super = LINK_OWNER(link, struct superslab, all);
    CHECK_MSG(super->free == ~*model_of(super), "step %d: free units differ", at_step);
    supers++;
  }
  super_unlock();
  CHECK(count_read(CNT_SUPER_BYTES) == supers * SUPER_SIZE);
  CHECK(supers == count_read(CNT_SUPER_MAPPED) - count_read(CNT_SUPER_UNMAPPED));
  CHECK_MSG(super_check() == 0, "step %d", at_step);
}

static void round_trip(void) {
  struct units units;
  struct refusal why;
  test_begin("units that were taken are held, zeroed, and free again when given");
  CHECK(units_take(5, 1, &units, &why) && !units.stale);
  CHECK((~units.super->free) == bit_span(units.first, 5));
  CHECK(map_super(unit_address(units.super, units.first)) == units.super);
  CHECK(super_check() == 0);
  units_give(units.super, units.first, 5);
  CHECK(units.super->free == ~(uint64_t)0 && super_check() == 0);
  CHECK(count_read(CNT_UNITS_TAKEN) == 5 && count_read(CNT_UNITS_GIVEN) == 5);
  test_end();
}

static void against_model(const char *promise, const char *retain, const char *cache, int steps) {
  test_begin(promise);
  option_set("RETAIN", retain);
  option_set("SS_CACHE", cache);
  for (int i = 0; i < steps && !test_bad; i++) {
    struct holding *h = &holdings[random_below(&state, HOLDINGS)];
    if (!h->n)
      take(h);
    else if (random_below(&state, 4))
      give(h);
    else
      extend(h);
    if (i % 100 == 0) compare(i);
  }
  for (int i = 0; i < HOLDINGS; i++)
    if (holdings[i].n) give(&holdings[i]);
  compare(steps);
  CHECK(count_read(CNT_UNITS_TAKEN) == count_read(CNT_UNITS_GIVEN));
  test_end();
}

/* --- threads --- */

static void *take_and_give(void *pointer) {
  enum { OWN = 24 };
  struct holding own[OWN] = {{{NULL, 0, 0}, 0, 0}};
  uint64_t seed = (uintptr_t)pointer;
  struct refusal why;
  long bad = 0;
  for (int i = 0; i < 30000; i++) {
    struct holding *h = &own[random_below(&seed, OWN)];
    if (h->n) {
      bad += !marked(h, h->value);
      units_give(h->units.super, h->units.first, h->n);
      h->n = 0;
      continue;
    }
    h->n = 1 + (unsigned)random_below(&seed, 12);
    if (!units_take(h->n, 1, &h->units, &why)) return (void *)-1L;
    if (!h->units.stale) bad += !marked(h, 0);
    h->value = (unsigned char)random_next(&seed);
    mark(h, h->value);
  }
  for (int i = 0; i < OWN; i++)
    if (own[i].n) units_give(own[i].units.super, own[i].units.first, own[i].n);
  return (void *)bad;
}

static void threads(void) {
  enum { THREADS = 4 };
  pthread_t thread[THREADS];
  void *bad;
  test_begin("4 threads never hold the same unit, nor get dirty units as zeroed, while purges run");
  option_set("RETAIN", "2M");
  option_set("SS_CACHE", "1");
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, take_and_give, (void *)(i + 1));
  for (int i = 0; i < THREADS; i++) {
    pthread_join(thread[i], &bad);
    CHECK_MSG(!bad, "%ld holdings were spoilt", (long)bad);
  }
  CHECK(super_check() == 0 && count_read(CNT_UNITS_TAKEN) == count_read(CNT_UNITS_GIVEN));
  test_end();
}

/* --- the check --- */

static void check_can_fail(void) {
  struct units units;
  struct refusal why;
  struct superslab *super;
  uint64_t retained;
  option_set("RETAIN", "1G");
  super_drop_empty(0); /* so that these are the first units of a fresh superslab, free ones after */
  units_take(8, 1, &units, &why);
  super = units.super;
  test_begin("super_check sees a dirty unit that is held (S1)");
  super->dirty |= bit_span(units.first, 1);
  CHECK_REPORTS(super_check, "S1");
  super->dirty &= super->free;
  CHECK(super_check() == 0);
  test_end();
  test_begin("super_check sees a superslab in the wrong bin (S2)");
  super->bin_index--;
  CHECK_REPORTS(super_check, "S2");
  super->bin_index += 2;
  CHECK_REPORTS(super_check, "S2");
  super->bin_index--;
  CHECK(super_check() == 0);
  test_end();
  test_begin("super_check sees a tag on a free unit, and a superslab missing from the map (S3)");
  map_set_tags(unit_address(super, units.first + 8), 1, 77);
  CHECK_REPORTS(super_check, "S3");
  map_set_tags(unit_address(super, units.first + 8), 1, 0);
  map_set_super(super->base, NULL);
  CHECK_REPORTS(super_check, "S3");
  map_set_super(super->base, super);
  CHECK(super_check() == 0);
  test_end();
  test_begin("super_check sees more dirty units than retained bytes (S4)");
  units_give(super, units.first, 8);
  retained = count_read(CNT_RETAINED_BYTES);
  purge_release(retained);
  CHECK_REPORTS(super_check, "S4");
  purge_retain(retained);
  CHECK(super_check() == 0);
  test_end();
}

static struct units given;

static void give_twice(void) {
  units_give(given.super, given.first, 2);
  units_give(given.super, given.first, 2);
}

static void double_give(void) {
  struct refusal why;
  test_begin("giving units twice ends the process (I5)");
  units_take(2, 1, &given, &why);
  expect_abort(give_twice, "internal error");
  units_give(given.super, given.first, 2);
  test_end();
}

static void *ask_too_much(void *stop) {
  struct refusal why;
  while (!ld_acq((int *)stop))
    if (super_admit(1 << 30, &why)) super_dismiss(1 << 30);
  return NULL;
}

static void admission(void) {
  struct refusal why;
  pthread_t thread;
  unsigned refused = 0;
  int stop = 0;
  uint64_t before = count_read(CNT_SUPER_BYTES);
  test_begin("below HAKMEM_LIMIT what fits is admitted, while another thread asks for too much");
  option_set("LIMIT", "512M");
  CHECK(!super_admit(SIZE_MAX, &why) && why.reason == REASON_EXHAUSTION && why.bytes == SIZE_MAX);
  CHECK(pthread_create(&thread, NULL, ask_too_much, &stop) == 0);
  for (int i = 0; i < 300000; i++) {
    if (super_admit(MIB, &why)) super_dismiss(MIB);
    else refused++;
  }
  st_rel(&stop, 1);
  pthread_join(thread, NULL);
  option_set("LIMIT", "0");
  CHECK_MSG(!refused && count_read(CNT_SUPER_BYTES) == before, "%u of 300,000 refused", refused);
  test_end();
}

int main(void) {
  clearenv();
  option_load();
  round_trip();
  against_model("holdings of all lengths and alignments agree with the model over 20,000 steps",
                "16M", "16", 20000);
  against_model("so they do when everything is purged and given back at once", "0", "0", 4000);
  against_model("so they do with a small budget", "3M", "1", 10000);
  threads();
  admission();
  check_can_fail();
  double_give();
  return test_status();
}
