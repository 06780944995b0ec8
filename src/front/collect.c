#include "front/collect.h"

#include "diag/option.h"
#include "front/cache.h"
#include "os/process.h"
#include "pool/decay.h"

enum { HAUL_BLOCKS = 2048, HAULS = 256, FOR_AGE = 0 };

/* What was lifted out of one magazine. */
struct haul {
  struct thread *t;
  unsigned class;
  unsigned n;
};

/* [lock registry] */
static struct haul haul[HAULS];
static void *lifted[HAUL_BLOCKS]; /* haul by haul, slot by slot from a magazine's first */
static void *posted[OUTBOX_MAX];  /* taken from one outbox */
static unsigned hauls;
static unsigned blocks;
static uint64_t looked;    /* the last BY that was not all */
static uint64_t next_look; /* ms, relaxed; for age */

/* Puts P back into a slot that is empty: it may be one that its owner has just filled. */
static void put_back(void **slot, void *p) {
  void *empty = NULL;
  cas_acq(slot, &empty, p);
}

/* After a barrier, or without: keeps of what was lifted out of a magazine what is taken: below the
 * last, and that one where its owner cannot have loaded it. Returns how many. */
static unsigned sift(const struct haul *h, void **out, bool barrier) {
  bool last = class_size(h->class) > TINY_MAX && !ld_acq(&h->t->pops); /* pairs: front_pop_told */
  void **top = ld_acq(&h->t->gates.mag[h->class].top); /* before the slots: pairs: front_push */
  void **slot = h->t->cell[h->class].base;
  unsigned taken = 0;
  for (unsigned i = 0; i < h->n; i++) {
    if (!out[i]) continue;
    if (barrier && top - !last > &slot[i] && !ld_rlx(&slot[i])) out[taken++] = out[i];
    else put_back(&slot[i], out[i]);
  }
  return taken;
}

static void return_haul(struct thread *self, const struct haul *h, void **out, bool barrier) {
  struct cell *cell = &h->t->cell[h->class];
  unsigned n = sift(h, out, barrier);
  if (!n) return;
  st_rlx(&cell->stolen, (uint16_t)(cell->stolen + n));
  st_rlx(&h->t->visit, h->t->visit | VISIT_ROBBED);
  cache_return(self, h->class, out, n);
  self->moved -= (ptrdiff_t)(n * class_size(h->class));
}

/* One barrier for all that was lifted. */
static void return_hauls(struct thread *self) {
  bool barrier = hauls && os_barrier();
  void **out = lifted;
  for (unsigned i = 0; i < hauls; out += haul[i].n, i++) return_haul(self, &haul[i], out, barrier);
  hauls = blocks = 0;
}

/* Empties the slots of a magazine that can be taken. */
static void lift(struct thread *self, struct thread *t, unsigned class) {
  struct cell *cell = &t->cell[class];
  unsigned n = thread_slots(t, class);
  if (class_size(class) <= TINY_MAX && n) n--;
  if (n <= cell->stolen) return;
  if (hauls == HAULS || blocks + n > HAUL_BLOCKS) return_hauls(self);
  for (unsigned i = 0; i < n; i++) lifted[blocks++] = xchg_acq_rel(&cell->base[i], NULL);
  haul[hauls++] = (struct haul){t, class, n};
}

/* All of an outbox: its owner's hit path only appends. */
static void take_outbox(struct thread *self, struct thread *t) {
  unsigned n = ld_acq(&t->out_blocks); /* pairs: cache_post */
  unsigned taken = 0;
  for (unsigned i = 0; i < n; i++) {
    void *p = xchg_acq_rel(&t->out[i], NULL);
    if (!p) continue;
    posted[taken++] = p;
    self->moved -= (ptrdiff_t)class_size(map_class(p));
  }
  if (!taken) return;
  st_rlx(&t->visit, t->visit | VISIT_ROBBED);
  cache_return(self, 0, posted, taken);
  tally_own(&self->tally, TLY_REMOTE_FREES, taken);
}

/* T cannot touch its cells meanwhile: it is on its hit path, or elsewhere. */
static void enter(struct thread *self, struct thread *t) {
  take_outbox(self, t);
  for (unsigned class = 1; class < CLASSES; class++) lift(self, t, class);
}

static void end_visit(struct thread *t) {
  st_rel_own(&t->visit, t->visit & VISIT_ROBBED);
}

static unsigned held(const struct thread *t) {
  unsigned n = ld_rlx(&t->out_blocks);
  for (unsigned class = 1; class < CLASSES; class++) n += thread_cached(t, class);
  return n;
}

static void finish(struct thread *self, struct thread *t) {
  for (unsigned class = 1; class < CLASSES; class++) cache_let_go(t, class);
  self->moved += cache_moved(t); /* a sleeper has not told for long */
  st_rlx(&t->shrinks, ld_rlx(&decay_shrinks));
  t->left = held(t);
  end_visit(t);
}

/* Had it no miss since the last look, and has it more than the last visit left? Hits alone fill
 * what was emptied. */
static bool idles(struct thread *t) {
  const uint64_t *n = t->tally.n;
  uint64_t misses = ld_rlx(&n[TLY_REFILLS]) + ld_rlx(&n[TLY_FLUSHES]) +
                    ld_rlx(&n[TLY_REMOTE_FLUSHES]);
  t->idle = t->seen == misses;
  t->seen = misses;
  return t->idle && held(t) > t->left;
}

/* Announces a visit to the threads that lag behind BY, or with FOR_AGE those that idle. *BUSY: had
 * others a miss lately? */
static bool announce(const struct thread *self, uint64_t by, bool *busy) {
  bool any = false;
  *busy = false;
  LIST_EACH(link, thread_all_locked()) {
    struct thread *t = LINK_OWNER(link, struct thread, all);
    if (t == self || !t->living) continue;
    if (by == FOR_AGE ? idles(t) : ld_rlx(&t->shrinks) < by) {
      st_rlx(&t->visit, t->visit | VISIT_NOW);
      any = true;
    } else {
      *busy |= !t->idle;
    }
  }
  return any;
}

/* After the barrier a thread sees the announcement when it comes off its hit path, or we see that
 * it did before: pairs: thread_enter, thread_leave. True: one did not, and is left for later. */
static bool visit_announced(struct thread *self) {
  bool can = os_barrier();
  bool later = false;
  LIST_EACH(link, thread_all_locked()) {
    struct thread *t = LINK_OWNER(link, struct thread, all);
    bool inside;
    if (!(t->visit & VISIT_NOW)) continue;
    inside = ld_acq(&t->inside);
    later |= can && inside;
    if (can && !inside && !ld_rlx(&t->closed)) enter(self, t);
    else end_visit(t);
  }
  return_hauls(self);
  LIST_EACH(link, thread_all_locked()) {
    struct thread *t = LINK_OWNER(link, struct thread, all);
    if (t->visit & VISIT_NOW) finish(self, t);
  }
  return later;
}

void collect(struct thread *self, uint64_t by) {
  thread_lock();
  if (by > looked) {
    if (announce(self, by, &(bool){false})) visit_announced(self);
    if (by != UINT64_MAX) looked = by;
  }
  thread_unlock();
}

bool collect_aged(struct thread *self) {
  uint64_t now = os_milliseconds();
  bool later = true;
  if (option(OPT_PURGE) == PURGE_OFF) return false;
  if (now < ld_rlx(&next_look)) return true;
  thread_lock();
  if (now >= next_look) {
    st_rlx(&next_look, now + max_size(option(OPT_DECAY_MS), COLLECT_LEAST_MS));
    if (announce(self, FOR_AGE, &later)) later |= visit_announced(self);
  }
  thread_unlock();
  return later;
}
