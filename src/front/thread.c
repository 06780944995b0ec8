#include "front/thread.h"

#include <pthread.h>
#include <string.h>

#include "base/text.h"
#include "diag/option.h"
#include "ace/plan.h"
#include "front/background.h"
#include "front/budget.h"
#include "front/cache.h"
#include "front/start.h"
#include "os/process.h"
#include "pool/decay.h"
#include "pool/huge.h"
#include "pool/keep.h"
#include "super/meta.h"

void *closed_slots[2];

#define CLOSED {&closed_slots[1], &closed_slots[1]}
#define CLOSED4 CLOSED, CLOSED, CLOSED, CLOSED
#define CLOSED16 CLOSED4, CLOSED4, CLOSED4, CLOSED4
_Static_assert(CLASSES == 65, "the closed magazines below are counted by hand");
#define ALL_CLOSED \
  { CLOSED, CLOSED16, CLOSED16, CLOSED16, CLOSED16 }

static bool nobody_pops; /* [any] */

/* The library has no initialised data that may be written: each process would get a page of it, and
 * these would be most of that. */
const struct gates unborn_gates = {
    .leaf = &slab_map.zero, .pops = &nobody_pops, .mag = ALL_CLOSED};
struct gates ended_gates;
THREAD_LOCAL struct gates *self_gates = (struct gates *)&unborn_gates;

static struct lock registry;
static struct link all_threads;   /* [lock registry] */
static struct link spare_threads; /* [lock registry] last in, first out */
static uint32_t last_id;          /* [lock registry] */

static struct lock bare_lock;
static struct thread *bare; /* [lock bare] serves threads that have no caches of their own */

void thread_lock(void) {
  lock_take(&registry);
}

void thread_unlock(void) {
  lock_drop(&registry);
}

struct link *thread_all_locked(void) {
  return &all_threads;
}

/* A gate that is open already keeps its top: in a forked child another thread's call may be half
 * done. */
void thread_open(struct thread *t, unsigned class) {
  struct cell *cell = &t->cell[class];
  if (ld_rlx(&t->gates.mag[class].top) != &closed_slots[1]) return;
  t->gates.mag[class].limit = cell->base + cell->capacity;
  st_rlx(&t->gates.mag[class].top, cell->top);
}

void thread_close(struct thread *t, unsigned class) {
  st_rlx(&t->cell[class].top, ld_rlx(&t->gates.mag[class].top));
  st_rlx(&t->gates.mag[class].top, &closed_slots[1]);
  t->gates.mag[class].limit = &closed_slots[1];
}

static void move(struct thread *t, unsigned class, void **base) {
  struct cell *cell = &t->cell[class];
  unsigned n = thread_cached(t, class);
  memcpy(base, cell->base, n * sizeof *base);
  compiler_fence();
  st_rlx(&cell->base, base);
  compiler_fence(); /* I6: in a child forked here the blocks are lost, not doubled */
  st_rlx(&t->gates.mag[class].top, base + n);
}

void thread_spread(struct thread *t, unsigned class, unsigned capacity) {
  struct cell *cell = &t->cell[class];
  void **to = capacity <= MAGAZINE_MIDDLE ? thread_middle(t, class) : t->slots + cell->far;
  if (cell->base < to) move(t, class, to);
}

void thread_gather(struct thread *t, unsigned class) {
  struct cell *cell = &t->cell[class];
  void **near = t->slots + cell->near;
  if (cell->base == near && ld_rlx(&t->gates.mag[class].top) == near) return;
  if (thread_cached(t, class)) return;
  move(t, class, near);
  t->gates.mag[class].limit = near + min_size(cell->capacity, cell->start);
}

/* Between the near slots and the others lies more than a magazine has, and between the middle slots
 * of a class and its far ones all that the other classes have of both: a top in the one and a base
 * in the other are too far apart. 56: to align the sorter. */
enum {
  SORTER_SLOTS = (sizeof(struct sorter) + 56) / sizeof(void *) +
                 (size_t)CLASSES * (MAGAZINE_MIDDLE + 1)
};
_Static_assert(sizeof(struct sorter) > MAGAZINE_MAX * sizeof(void *), "see above");

size_t thread_bytes(void) {
  size_t slots = SORTER_SLOTS;
  for (unsigned class = 0; class < CLASSES; class++)
    slots += plan_start(class) + 1u + plan_most(class) + 1u;
  return round_up(sizeof(struct thread) + slots * sizeof(void *), 64);
}

/* Lays the magazines out behind the thread, each with its NULL below it. Zeroed memory is a set of
 * empty magazines, so only the pointers are written: no slot is touched. */
static void lay_out(struct thread *t) {
  unsigned near = 0;
  unsigned far = SORTER_SLOTS;
  t->gates.leaf = &slab_map.zero;
  t->gates.pops = &t->pops;
  for (unsigned i = 0; i < TINY_CODES; i++) t->gates.codes[i] = class_tiny_codes[i];
  for (unsigned class = 0; class < CLASSES; class++) far += plan_start(class) + 1u;
  t->sorter = (struct sorter *)round_up((uintptr_t)&t->slots[far - SORTER_SLOTS], 64);
  for (unsigned class = 0; class < CLASSES; class++) {
    struct cell *cell = &t->cell[class];
    cell->start = (uint8_t)plan_start(class);
    cell->near = (uint16_t)(near + 1);
    cell->far = (uint16_t)(far + 1);
    cell->base = cell->top = t->slots + cell->near;
    cell->most = (uint16_t)start_most(class);
    t->gates.mag[class] = (struct mag){cell->base, cell->base};
    near += cell->start + 1u;
    far += plan_most(class) + 1u;
  }
}

static struct thread *thread_new(void) {
  int error;
  struct thread *t = meta_alloc(thread_bytes(), 64, &error);
  if (!t) return NULL;
  lay_out(t);
  tally_register_any(&t->tally);
  lock_take(&registry);
  if (list_empty(&all_threads)) ended_gates = unborn_gates;
  t->id = last_id < TAG_OWNER_MAX ? ++last_id : 1; /* a hint may be shared */
  t->gates.owner_tag = t->id << TAG_OWNER_SHIFT; /* a child forked after may hand the thread on */
  t->gates.key = NO_REACH | t->gates.owner_tag;
  t->living = t->inside = true;
  list_init(&t->spare);
  list_append(&all_threads, &t->all);
  lock_drop(&registry);
  return t;
}

static struct thread *thread_take(void) {
  struct thread *t = NULL;
  lock_take(&registry);
  if (!list_empty(&spare_threads)) {
    t = LINK_OWNER(spare_threads.next, struct thread, spare);
    list_remove(&t->spare);
    t->living = true;
  }
  lock_drop(&registry);
  return t ? t : thread_new();
}

static void thread_put_back(struct thread *t) {
  lock_take(&registry);
  t->living = false;
  list_push(&spare_threads, &t->spare);
  lock_drop(&registry);
}

static void close_outbox(struct thread *t) {
  unsigned n = 0;
  t->out_bytes = 0;
  for (unsigned i = 0; i < t->out_blocks; i++) {
    if (!t->out[i]) continue;
    t->out_bytes += class_size(map_class(t->out[i]));
    t->out[n++] = t->out[i];
  }
  st_rlx(&t->out_blocks, n);
}

COLD void thread_attend(struct thread *t) {
  lock_take(&registry);
  close_outbox(t);
  for (unsigned class = 1; class < CLASSES; class++) {
    struct cell *cell = &t->cell[class];
    void **to = cell->base;
    if (!cell->stolen) continue;
    for (void **from = to; from < ld_rlx(&t->gates.mag[class].top); from++)
      if (*from) *to++ = *from;
    st_rlx(&t->gates.mag[class].top, to);
    st_rlx(&cell->stolen, 0);
  }
  t->left = 0;
  st_rlx(&t->visit, VISIT_NONE);
  lock_drop(&registry);
}

/* Empties a thread's caches with open gates: its closed ones hide their blocks. It stays inside:
 * what is left has no owner. */
static void thread_drain(struct thread *t) {
  thread_enter(t);
  for (unsigned class = 0; class < CLASSES && t->closed; class++) thread_open(t, class);
  st_rlx(&t->closed, false);
  cache_empty(t);
}

/* The destructor of the thread-specific key. Destructors that run after it, and libc's own last
 * frees, find the gates closed and are served without caches. */
static void thread_end(void *pointer) {
  struct thread *t = pointer;
  self_gates = &ended_gates;
  thread_drain(t);
  count_any(CNT_THREADS_ENDED, 1);
  thread_put_back(t);
  background_thread_ended();
}

COLD void thread_regate(struct thread *t) {
  bool close = start_gates_closed();
  if (close == t->closed) return;
  st_rlx(&t->closed, true); /* while one is closed, for a forked child: see thread_drain */
  compiler_fence();
  for (unsigned class = 0; class < CLASSES; class++) (close ? thread_close : thread_open)(t, class);
  st_rel_own(&t->closed, close);
}

COLD static struct thread *thread_birth(void) {
  struct thread *t;
  start_once(thread_end);
  if (self_gates != &unborn_gates) return (struct thread *)(void *)self_gates; /* by its calls */
  t = thread_take();
  if (!t) return NULL;
  thread_regate(t);
  self_gates = &t->gates; /* before the key: storing its value may allocate */
  count_any(CNT_THREADS_BORN, 1);
  budget_look(t);
  start_set_key(t);
  thread_leave(t);
  return t;
}

void thread_prepare(void) {
  start_key(thread_end);
}

ALWAYS_INLINE struct thread *self(bool freeing) {
  struct gates *gates = self_gates;
  if (LIKELY(gates->owner_tag)) return (struct thread *)(void *)gates;
  if (gates != &unborn_gates || (freeing && os_thread_ends())) return NULL;
  return thread_birth();
}

struct thread *thread_self(void) {
  return self(false);
}

struct thread *thread_self_freeing(void) {
  return self(true);
}

struct thread *thread_bare_take(void) {
  lock_take(&bare_lock);
  start_once(thread_end);
  if (!bare) bare = thread_take();
  if (!bare) lock_drop(&bare_lock);
  return bare;
}

void thread_bare_stop(void) {
  lock_take(&bare_lock);
}

void thread_bare_drop(void) {
  lock_drop(&bare_lock);
}

void thread_bare_flush(void) {
  lock_take(&bare_lock);
  if (bare) thread_drain(bare);
  lock_drop(&bare_lock);
}

/* Did one thread fork that is alone? All is then in the child as it was; also what it interrupted,
 * if a handler of a signal forks: waiting for its locks would be for ever. */
static bool fork_alone; /* [any] relaxed: true is written and read by that thread */

/* The locks of all rooms. Whoever purges for age holds that lock first, and then others. */
void thread_fork_prepare(void) {
  st_rlx_any(&fork_alone, alone());
  if (alone()) return;
  os_streams_lock();
  decay_fork_take();
  lock_fork_take(&bare_lock);
  lock_fork_take(&registry);
  pool_fork_take();
  keep_fork_take();
  super_fork_take();
  background_fork_take();
}

static void drop_locks(void) {
  super_fork_drop();
  keep_fork_drop();
  pool_fork_drop();
  lock_fork_drop(&registry);
  lock_fork_drop(&bare_lock);
  decay_fork_drop();
}

void thread_fork_parent(void) {
  if (ld_rlx(&fork_alone)) return;
  background_fork_parent();
  drop_locks();
  os_streams_unlock();
}

/* Is SLAB owned, though no thread has it? Then one was letting go of it. What its tag says is a
 * hint: see cache_take_over. */
static bool is_orphan(const struct slab *slab) {
  uint32_t state = ld_rlx(&slab->state);
  if (!(state & SLAB_OWNED)) return false;
  LIST_EACH(link, &all_threads) {
    const struct thread *t = LINK_OWNER(link, struct thread, all);
    if (t->cell[slab_class(state)].slab == slab || t->taken == slab) return false;
  }
  return true;
}

/* In the child only this thread goes on. What another had under way is mended first: a claim or
 * return may have moved bits that it had not counted. */
static void reclaim(struct thread *t) {
  struct slab *flight = t->flight;
  struct slab *taken = t->taken;
  t->flight = t->taken = NULL;
  if (flight) slab_recount(flight);
  if (taken && t->cell[slab_class(taken->state)].slab != taken) pool_take_back(taken);
  if (flight && is_orphan(flight)) pool_take_back(flight);
  thread_drain(t);
  if (flight) pool_settle_now(flight);
  t->granted = 0;
  for (unsigned class = 1; class < CLASSES; class++) t->cell[class].granted = 0;
  thread_put_back(t);
}

void thread_fork_child(void) {
  struct gates *gates = self_gates;
  struct thread *self = gates->owner_tag ? (struct thread *)(void *)gates : NULL;
  background_fork_child();
  if (ld_rlx(&fork_alone)) return;
  pool_fork_child();
  drop_locks();
  LIST_EACH(link, &all_threads) { /* none is ever taken off */
    struct thread *t = LINK_OWNER(link, struct thread, all);
    if (t->living && t != self && t != bare) reclaim(t);
  }
  if (!self || !self->inside) { /* else a signal's handler forks, in the midst */
    units_take_back();
    huge_count_anew();
    huge_fit_budget();
  }
  /* Anew: a thread may have counted itself, or what it gave back, and no more than that. */
  budget_set((self ? self->granted : 0) + (bare ? bare->granted : 0));
  st_rlx(&counter_value[CNT_THREADS_ENDED], count_read(CNT_THREADS_BORN) - (self != NULL));
}
