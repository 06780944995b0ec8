#include "front/cache.h"

#include <string.h>

#include "ace/plan.h"
#include "front/budget.h"
#include "front/collect.h"
#include "front/start.h"
#include "os/room.h"
#include "pool/decay.h"
#include "pool/huge.h"
#include "super/purge.h"

/* --- what moved --- */

/* What is cached is not in use. */
COLD ptrdiff_t cache_moved(struct thread *t) {
  size_t cached = 0;
  ptrdiff_t bytes;
  for (unsigned class = 1; class < CLASSES; class++)
    cached += thread_cached(t, class) * class_size(class);
  bytes = t->moved - (ptrdiff_t)(cached - t->cached);
  t->moved = 0;
  t->cached = cached;
  return bytes;
}

static bool tell_moved(struct thread *t) {
  return decay_moved(cache_moved(t));
}

/* What comes into use may have no pages yet, also where nothing is mapped for it: near the limit of
 * a cgroup what is retained must make room. */
COLD static void tell_taken(struct thread *t) {
  room_spend((size_t)t->moved);
  tell_moved(t);
  huge_fit_budget();
}

static void note_taken(struct thread *t, size_t bytes) {
  t->moved += (ptrdiff_t)bytes;
  if (UNLIKELY(t->moved >= MOVED_TOLD)) tell_taken(t);
}

static void drain(struct thread *t);

/* Where the program shrinks, what is cached does, too, and pages between live blocks go. */
static void follow(struct thread *t, bool walk) {
  if (t->shrinks != ld_rlx(&decay_shrinks)) drain(t);
  if (walk) decay_shrunk();
}

COLD static void tell_returned(struct thread *t) {
  follow(t, tell_moved(t));
  huge_fit_budget(); /* less in use, more free beside what is retained */
}

ALWAYS_INLINE void note_returned(struct thread *t) {
  if (UNLIKELY(t->moved <= -MOVED_TOLD)) tell_returned(t);
}

void cache_given(struct thread *t) {
  follow(t, decay_given());
}

/* --- out of the slabs --- */

/* Marks what is under way, so that a child forked meanwhile can correct the slab's count. */
static unsigned claim(struct thread *t, struct slab *slab, void **out, unsigned want) {
  unsigned n;
  st_rlx(&t->flight, slab);
  compiler_fence();
  n = slab_claim(slab, out, want);
  compiler_fence();
  st_rlx(&t->flight, NULL);
  return n;
}

void cache_let_go(struct thread *t, unsigned class) {
  struct slab *slab = t->cell[class].slab;
  if (!slab) return;
  st_rlx(&t->flight, slab);
  compiler_fence();
  t->cell[class].slab = NULL;
  pool_let_go(slab);
  compiler_fence();
  st_rlx(&t->flight, NULL);
}

/* Blocks of SLAB that were in use before. */
static unsigned claim_touched(struct thread *t, struct slab *slab, void **out, unsigned want) {
  unsigned touched = slab ? slab_touched_free(slab) : 0;
  return touched ? claim(t, slab, out, touched < want ? touched : want) : 0;
}

static bool adopt(struct thread *t, unsigned class, struct slab *slab) {
  t->cell[class].slab = slab;
  compiler_fence();
  st_rlx(&t->taken, NULL);
  return slab != NULL;
}

/* From memory that is resident: the current slab, else a listed one. */
static unsigned reuse(struct thread *t, unsigned class, void **out, unsigned want) {
  unsigned n = claim_touched(t, t->cell[class].slab, out, want);
  struct slab *found;
  if (n || !(found = pool_find(class, t->id, true, &t->taken))) return n;
  cache_let_go(t, class);
  adopt(t, class, found);
  return claim_touched(t, found, out, want);
}

static NOINLINE void bring_ahead(struct slab *slab) {
  uint64_t units = count_left(CNT_UNITS_TAKEN, CNT_UNITS_GIVEN);
  if (plan_ahead(units, count_living())) slab_bring(slab);
}

/* From any memory, also fresh. */
static unsigned grow(struct thread *t, unsigned class, void **out, unsigned want,
                     struct refusal *why) {
  struct cell *cell = &t->cell[class];
  want = (unsigned)min_size(want, plan_fresh(class, cell->grown));
  cell->grown = (uint8_t)min_size(cell->grown + 1u, UINT8_MAX);
  for (;;) {
    unsigned n;
    /* little for one thread, as in most programs, is too little for more */
    if (cell->slab && UNLIKELY(count_read(CNT_SUPER_MAPPED) > AHEAD_LIVE / SUPER_SIZE))
      bring_ahead(cell->slab);
    n = cell->slab ? claim(t, cell->slab, out, want) : 0;
    if (n) return n;
    cache_let_go(t, class);
    if (!adopt(t, class, pool_get(class, t->id, &t->taken, why))) return 0;
  }
}

unsigned cache_issue(struct thread *t, unsigned class, void **out, unsigned want,
                     struct refusal *why) {
  unsigned n = reuse(t, class, out, want);
  if (n) t->cell[class].grown = 0;
  else n = grow(t, class, out, want, why);
  if (!n) return 0;
  tally_own(&t->tally, TLY_REFILLS, 1);
  tally_own(&t->tally, TLY_BLOCKS_REFILLED, n);
  note_taken(t, n * class_size(class));
  return n;
}

/* --- back to the slabs --- */

/* Of the older blocks N go, or as many as there are, FLUSH_MAX at a time: they lie deepest and are
 * the least likely to be in the cache. */
static void flush(struct thread *t, unsigned class, unsigned n) {
  struct mag *mag = &t->gates.mag[class];
  void **base = t->cell[class].base;
  void **out = thread_sorter(t)->out;
  unsigned have = thread_cached(t, class);
  n = (unsigned)min_size(n, have);
  for (unsigned some; n; n -= some) {
    some = (unsigned)min_size(n, FLUSH_MAX);
    have -= some;
    memcpy(out, base, some * sizeof *out);
    st_rlx(&mag->top, base); /* I6: in a child forked now the blocks are lost, not doubled */
    compiler_fence();
    memmove(base, base + some, have * sizeof *base);
    compiler_fence();
    st_rlx(&mag->top, base + have);
    cache_return(t, class, out, some);
    t->moved -= (ptrdiff_t)(some * class_size(class));
    tally_own(&t->tally, TLY_FLUSHES, 1);
  }
}

static void return_remote(struct thread *t, void **blocks, unsigned n) {
  cache_return(t, 0, blocks, n); /* of slabs of one unit, or one block */
  tally_own(&t->tally, TLY_REMOTE_FREES, n);
}

static void flush_outbox(struct thread *t) {
  unsigned n = t->out_blocks;
  if (!n) return;
  budget_look(t); /* a thread that only frees others' blocks has no other miss */
  t->moved -= (ptrdiff_t)t->out_bytes;
  t->out_blocks = 0; /* I6 */
  t->out_bytes = 0;
  compiler_fence();
  return_remote(t, t->out, n);
  tally_own(&t->tally, TLY_REMOTE_FLUSHES, 1);
  note_returned(t);
}

/* --- how much a magazine holds --- */

static void set_capacity(struct thread *t, unsigned class, unsigned capacity) {
  struct cell *cell = &t->cell[class];
  if (capacity > cell->start) thread_spread(t, class, capacity);
  cell->capacity = (uint16_t)capacity;
  t->gates.mag[class].limit = cell->base + capacity;
}

static void shrink(struct thread *t, unsigned class, unsigned capacity) {
  struct cell *cell = &t->cell[class];
  unsigned have = thread_cached(t, class);
  unsigned less = cell->granted < capacity ? 0 : cell->granted - capacity;
  if (have > capacity) flush(t, class, have - capacity);
  budget_return(t, less * class_size(class));
  cell->granted = (uint16_t)(cell->granted - less);
  set_capacity(t, class, capacity);
}

static void halve(struct thread *t, unsigned class, unsigned times) {
  unsigned capacity = t->cell[class].capacity;
  while (times--) capacity = plan_shrink(class, capacity, plan_crowd(t->share));
  shrink(t, class, capacity);
}

/* Looks at one class, the next in turn: one that had no miss since the last look gives half of its
 * capacity back. A class whose hits never miss loses some capacity that it will win back. */
static void look_for_idle(struct thread *t, unsigned except) {
  struct cell *cell;
  t->look = t->look % (CLASSES - 1) + 1;
  cell = &t->cell[t->look];
  if (t->look == except || !cell->granted || !start_adapts()) return;
  if (!cell->busy && !t->closed) halve(t, t->look, 1);
  cell->busy = false;
}

/* All magazines at once, when the program has shrunk since the last time. What a large
 * block keeps resident is much, and what it costs to get again little. */
COLD static void drain(struct thread *t) {
  unsigned halvings = ld_rlx(&decay_halvings);
  unsigned times = (unsigned)min_size(halvings - t->halvings, SHRUNK_HALVINGS);
  if (t->closed || !start_adapts()) return;
  st_rlx(&t->shrinks, ld_rlx(&decay_shrinks));
  t->halvings = halvings;
  for (unsigned class = 1; class < CLASSES; class++) {
    if (class_size(class) >= DRAINED_SIZE && t->cell[class].most)
      shrink(t, class, plan_least(class, plan_crowd(t->share)));
    else if (t->cell[class].granted)
      halve(t, class, times);
    cache_let_go(t, class);
  }
  collect(t, t->shrinks - 1);
}

/* What is free ages, and what threads cache with it. */
static void pass(struct thread *t) {
  uint64_t next = ld_rlx(&decay_next);
  decay_pass();
  if (UNLIKELY(ld_rlx(&decay_next) != next)) collect_aged(t);
}

/* Does T cache much, and more than twice what the program has in use? */
static bool hoards(const struct thread *t) {
  return t->cached > CACHE_THREAD_UNASKED && t->cached / 2 > purge_in_use();
}

/* Plans the capacity of a class anew after a miss. */
static void adapt(struct thread *t, unsigned class, enum miss miss) {
  struct cell *cell = &t->cell[class];
  bool alternates = cell->last_miss != MISS_NONE && cell->last_miss != miss;
  unsigned wanted;
  cell->last_miss = (uint8_t)miss;
  if (miss == MISS_FLUSH) cell->grown = 0;
  cell->busy = true;
  budget_look(t);
  if (UNLIKELY(t->shrinks != ld_rlx(&decay_shrinks))) drain(t);
  if (++t->misses >= IDLE_CHECK || t->granted > t->share) {
    t->misses = 0;
    look_for_idle(t, class);
    pass(t);
  }
  wanted = start_adapts() ? plan_grow(class, cell->capacity, alternates)
                          : class_table[class].capacity;
  if (wanted <= cell->capacity || (wanted > class_table[class].capacity && hoards(t))) return;
  if (budget_take(t, (wanted - cell->granted) * class_size(class))) {
    cell->granted = (uint16_t)wanted;
    set_capacity(t, class, wanted);
  } else {
    look_for_idle(t, class);
    if (!cell->capacity) set_capacity(t, class, plan_least(class, plan_crowd(t->share)));
  }
}

/* --- one block --- */

/* Is the slab free for others between two misses of this class? In a crowd it is: each thread would
 * keep 64 KiB or more of each class, and touch them all in time. Not where blocks of two threads
 * would share a cache line; nor where block after block is taken that no magazine has room for, and
 * a flush must come when they are freed. */
static bool passes_slab_on(const struct thread *t, unsigned class, bool again) {
  if (class_size(class) < OWN_LINE || (again && t->cell[class].capacity <= 1)) return false;
  return plan_crowd(t->share);
}

static void *refill(struct thread *t, unsigned class, struct refusal *why) {
  struct cell *cell = &t->cell[class];
  unsigned half;
  unsigned n;
  bool again = cell->last_miss == MISS_REFILL;
  adapt(t, class, MISS_REFILL);
  half = cell->capacity > 1 ? (cell->capacity + 1u) / 2 : 1; /* capacity 0: there is a slot */
  n = cache_issue(t, class, cell->base, half, why);
  if (!n) return NULL;
  if (passes_slab_on(t, class, again)) cache_let_go(t, class);
  compiler_fence(); /* I6: the blocks are in their slots before the top says so */
  st_rlx(&t->gates.mag[class].top, cell->base + n - 1);
  return cell->base[n - 1];
}

void *cache_pop(struct thread *t, unsigned class, struct refusal *why) {
  struct mag *mag = &t->gates.mag[class];
  void **top = ld_rlx(&mag->top);
  void *p = top[-1];
  if (p) {
    st_rlx(&mag->top, top - 1);
    return p;
  }
  if (t->cell[class].most) return refill(t, class, why);
  return cache_issue(t, class, &p, 1, why) ? p : NULL;
}

static void return_one(struct thread *t, unsigned class, void *p) {
  cache_return(t, class, &p, 1);
  t->moved -= (ptrdiff_t)class_size(class);
}

/* Room for P in its magazine; where there is none, P returns. In a crowd whoever frees more than it
 * caches may be about to sleep: its slab is free for others. */
static bool make_room(struct thread *t, unsigned class, void *p) {
  unsigned capacity = t->cell[class].capacity;
  if (capacity) flush(t, class, (capacity + 1u) / 2);
  else return_one(t, class, p);
  if (plan_crowd(t->share)) cache_let_go(t, class);
  return capacity;
}

void cache_push(struct thread *t, unsigned class, void *p) {
  struct mag *mag = &t->gates.mag[class];
  void **top;
  if (!t->cell[class].most) {
    return_one(t, class, p);
    note_returned(t);
    return;
  }
  if (ld_rlx(&mag->top) >= mag->limit) adapt(t, class, MISS_FLUSH);
  if (ld_rlx(&mag->top) >= mag->limit && !make_room(t, class, p)) return;
  top = ld_rlx(&mag->top);
  *top = p;
  compiler_fence();
  st_rlx(&mag->top, top + 1);
  note_returned(t); /* last: it may shrink this magazine, too */
}

/* Returned alone, a large block costs what a flush costs for many. The tag is a hint that anybody
 * may write while the slab cannot be taken apart, and P, which is not free yet, sees to that. What
 * is no block, or free already, goes to its slab, which names it. */
bool cache_take_over(struct thread *t, unsigned class, void *p) {
  const struct slab *slab;
  if (class_size(class) <= OUTBOX_BLOCK_MAX) return false;
  slab = slab_of(p);
  if (ld_rlx(&slab->state) & SLAB_OWNED) return false;
  if (!slab_lends(slab, &class_table[class], p)) return false;
  tally_own(&t->tally, TLY_REMOTE_FREES, 1);
  map_set_tags(p, 1, t->gates.owner_tag | 2 * class);
  return true;
}

void cache_push_remote(struct thread *t, unsigned class, void *p) {
  if (class_size(class) <= OUTBOX_BLOCK_MAX) {
    if (cache_post(t, class, p)) return;
    flush_outbox(t);
    if (cache_post(t, class, p)) return;
  }
  return_remote(t, &p, 1);
  t->moved -= (ptrdiff_t)class_size(class);
  note_returned(t);
}

void cache_empty(struct thread *t) {
  flush_outbox(t);
  for (unsigned class = 1; class < CLASSES; class++) {
    struct cell *cell = &t->cell[class];
    if (!cell->capacity && !cell->slab && cell->base == t->slots + cell->near) continue;
    flush(t, class, MAGAZINE_MAX);
    cache_let_go(t, class);
    thread_gather(t, class); /* while there is a capacity: a forked child looks for that */
    shrink(t, class, 0);
    cell->last_miss = MISS_NONE;
    cell->grown = 0;
  }
  note_returned(t);
  decay_pass(); /* brief threads have too few misses to pass otherwise */
}
