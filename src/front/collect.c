#include "front/collect.h"

#include "front/cache.h"
#include "os/process.h"

static uint64_t looked; /* [lock registry] the last BY that was not all */

/* Puts P back into a slot that is empty: it may be one that its owner has just filled. */
static void put_back(void **slot, void *p) {
  void *empty = NULL;
  cas_acq(slot, &empty, p);
}

/* Empties the slots, and keeps what was in them. */
static void empty_slots(void **slot, void **out, unsigned n) {
  for (unsigned i = 0; i < n; i++) out[i] = xchg_acq_rel(&slot[i], NULL);
}

/* Keeps of the N blocks from SLOT on those that are taken: below the last, and that one where T
 * cannot have loaded it. Returns how many. */
static unsigned sift(const struct thread *t, unsigned class, void **slot, void **out, unsigned n) {
  bool can = os_barrier();
  bool last = class_size(class) > TINY_MAX && !ld_acq(&t->pops); /* pairs: front_pop_told */
  void **top = ld_acq(&t->gates.mag[class].top); /* before the slots: pairs: front_push */
  unsigned taken = 0;
  for (unsigned i = 0; i < n; i++) {
    if (!out[i]) continue;
    if (can && top - !last > &slot[i] && !ld_rlx(&slot[i])) out[taken++] = out[i];
    else put_back(&slot[i], out[i]);
  }
  return taken;
}

/* Takes what can be taken of a magazine. */
static void take(struct thread *self, struct thread *t, unsigned class) {
  struct cell *cell = &t->cell[class];
  void *out[MAGAZINE_MAX];
  unsigned n = thread_slots(t, class);
  if (class_size(class) <= TINY_MAX && n) n--;
  if (n <= cell->stolen) return;
  empty_slots(cell->base, out, n);
  n = sift(t, class, cell->base, out, n);
  if (!n) return;
  st_rlx(&cell->stolen, (uint8_t)(cell->stolen + n));
  st_rlx(&t->visit, t->visit | VISIT_ROBBED);
  cache_return(self, class, out, n);
  self->moved -= (ptrdiff_t)(n * class_size(class));
}

/* All of an outbox: its owner's hit path only appends. */
static void take_outbox(struct thread *self, struct thread *t) {
  unsigned n = ld_acq(&t->out_blocks); /* pairs: st_rel_own in cache_post */
  void *out[OUTBOX_MAX];
  unsigned taken = 0;
  for (unsigned i = 0; i < n; i++) {
    void *p = xchg_acq_rel(&t->out[i], NULL);
    if (!p) continue;
    out[taken++] = p;
    self->moved -= (ptrdiff_t)class_size((map_tag(p) & TAG_CODE_MASK) / 2);
  }
  if (!taken) return;
  st_rlx(&t->visit, t->visit | VISIT_ROBBED);
  cache_return(self, 0, out, taken);
}

/* T cannot touch its cells meanwhile: it is on its hit path, or elsewhere. */
static void visit(struct thread *self, struct thread *t) {
  take_outbox(self, t);
  for (unsigned class = 1; class < CLASSES; class++) {
    take(self, t, class);
    cache_let_go(t, class);
  }
  self->moved += cache_moved(t); /* a sleeper has not told for long */
}

static bool announce_locked(const struct thread *self, uint64_t by) {
  bool any = false;
  LIST_EACH(link, thread_all_locked()) {
    struct thread *t = LINK_OWNER(link, struct thread, all);
    if (t == self || !t->living || ld_rlx(&t->shrinks) >= by) continue;
    st_rlx(&t->visit, t->visit | VISIT_NOW);
    any = true;
  }
  return any;
}

/* After the barrier a thread sees the announcement when it comes off its hit path, or we see that
 * it did before: pairs: thread_enter. */
void collect(struct thread *self, uint64_t by) {
  thread_lock();
  if (by == UINT64_MAX || by > looked) {
    bool can = announce_locked(self, by) && os_barrier();
    if (by != UINT64_MAX) looked = by;
    LIST_EACH(link, thread_all_locked()) {
      struct thread *t = LINK_OWNER(link, struct thread, all);
      if (!(t->visit & VISIT_NOW)) continue;
      if (can && !ld_acq(&t->inside) && !ld_rlx(&t->closed)) visit(self, t);
      st_rel_own(&t->visit, t->visit & VISIT_ROBBED);
    }
  }
  thread_unlock();
}
