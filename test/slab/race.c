/* slab, raced - one owner claims while three threads return: each block is in one place.
 *
 * The owner deals what it claims out to three rings, one per returner; the returners take what
 * they find, group it by word as a flush does, and return it.
 */
#include "diag/option.h"
#include "helpers/box.h"
#include "slab/slab.h"

enum { RETURNERS = 3, RING = 256, SECONDS_EACH = 1 };

struct ring {
  void *block[RING];
  unsigned head; /* [owner] writes */
  char pad[60];
  unsigned tail; /* [returner] writes */
};

static struct slab *slab;
static unsigned class;
static struct ring ring[RETURNERS];
static uint8_t out[64 * SLAB_WORDS]; /* 1 while a block is claimed */
static bool done;
static uint64_t twice_claimed;
static uint64_t twice_returned;
static uint64_t claims;

static unsigned index_of(const void *p) {
  return slab_index(slab, &class_table[class], p);
}

/* Returns up to 40 blocks of a ring, word by word, and counts them last. */
static unsigned return_some(struct ring *r) {
  unsigned head = ld_acq(&r->head);
  unsigned n = 0;
  for (; r->tail != head && n < 40; n++) {
    unsigned i = index_of(r->block[r->tail % RING]);
    st_rlx(&out[i], 0);
    if (slab_return_any(slab, i / 64, (uint64_t)1 << i % 64)) add_rlx(&twice_returned, 1);
    st_rel(&r->tail, r->tail + 1);
  }
  if (n) slab_count_returned_any(slab, n);
  return n;
}

static void *returner(void *pointer) {
  struct ring *r = pointer;
  unsigned idle = 0;
  while (!ld_acq(&done) || r->tail != ld_acq(&r->head)) {
    if (return_some(r)) continue;
    if (++idle % 64 == 0) sched_yield();
  }
  return NULL;
}

static void deal(void *p, unsigned *turn) {
  unsigned i = index_of(p);
  if (__atomic_exchange_n(&out[i], 1, __ATOMIC_RELAXED)) twice_claimed++;
  for (;; sched_yield()) {
    for (int k = 0; k < RETURNERS; k++) {
      struct ring *r = &ring[(*turn)++ % RETURNERS];
      if (r->head - ld_acq(&r->tail) == RING) continue;
      r->block[r->head % RING] = p;
      st_rel(&r->head, r->head + 1);
      return;
    }
  }
}

static void owner(double seconds) {
  double end = now_seconds() + seconds;
  uint64_t state = 10;
  unsigned turn = 0;
  while (now_seconds() < end) {
    void *got[64];
    unsigned want = 1 + (unsigned)random_below(&state, 64);
    unsigned n = slab_claim(slab, got, want);
    for (unsigned i = 0; i < n; i++) deal(got[i], &turn);
    claims += n;
    if (!n) sched_yield();
  }
}

static void race(unsigned race_class) {
  pthread_t thread[RETURNERS];
  struct units units;
  struct refusal why;
  class = race_class;
  if (!units_take(class_table[class].units, 1, &units, &why)) exit(1);
  slab = slab_carve(&units, class);
  memset(ring, 0, sizeof ring);
  memset(out, 0, sizeof out);
  done = false;
  claims = twice_claimed = twice_returned = 0;
  for (int i = 0; i < RETURNERS; i++) pthread_create(&thread[i], NULL, returner, &ring[i]);
  owner(SECONDS_EACH);
  st_rel(&done, true);
  for (int i = 0; i < RETURNERS; i++) pthread_join(thread[i], NULL);
  CHECK_MSG(claims > 10000, "only %lu blocks were claimed", (unsigned long)claims);
  CHECK_MSG(!twice_claimed, "%lu blocks were claimed while out", (unsigned long)twice_claimed);
  CHECK_MSG(!twice_returned, "%lu bits were set already", (unsigned long)twice_returned);
  CHECK_MSG(slab_check(slab) == 0, "class %u", class);
  CHECK_MSG(slab_count(slab->state) == class_table[class].blocks, "class %u: %d blocks are free",
            class, slab_count(slab->state));
  st_rlx(&slab->state, 0);
  units_give(units.super, units.first, class_table[class].units);
}

int main(void) {
  clearenv();
  option_load();
  test_begin(
      "one owner claims and 3 threads return 16-byte blocks: none is out twice, I2 at the end");
  race(1);
  test_end();
  test_begin("so it is for a slab of two words, where every claim meets returns to the same word");
  race(class_of(512));
  test_end();
  test_begin("so it is for a slab of 8 blocks, which is empty all the time");
  race(class_of(65536));
  test_end();
  return test_status();
}
