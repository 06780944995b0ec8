#include "front/front.h"

#include "ace/refuse.h"
#include "ace/route.h"
#include "base/text.h"
#include "diag/option.h"
#include "front/background.h"
#include "front/cache.h"
#include "front/collect.h"
#include "front/start.h"
#include "front/validate.h"
#include "pool/decay.h"
#include "pool/huge.h"
#include "pool/keep.h"
#include "pool/run.h"

/* --- in --- */

/* T, the calling thread, entered. A mode that was switched on or off meanwhile takes effect at a
 * thread's next miss. */
ALWAYS_INLINE struct thread *entered(struct thread *t) {
  if (!t) return NULL;
  thread_enter(t);
  if (UNLIKELY(t->closed != start_gates_closed())) thread_regate(t);
  return t;
}

/* Switched on since T entered, the mode has marked blocks as free that T's magazines may now hold:
 * no hit hands them out. */
COLD static void close_late(struct thread *t) {
  if (!t->closed) thread_regate(t);
}

static void *class_alloc_living(struct thread *t, unsigned class, struct refusal *why) {
  void *p;
  if (t->closed) thread_open(t, class);
  p = cache_pop(t, class, why);
  if (t->closed) thread_close(t, class);
  if (LIKELY(!option(OPT_VALIDATE))) return p;
  close_late(t);
  if (p) validate_leave(p);
  return p;
}

static void *class_alloc(unsigned class, struct refusal *why) {
  struct thread *t = entered(thread_self());
  void *p = NULL;
  if (t) {
    p = class_alloc_living(t, class, why);
    thread_leave(t);
    return p;
  }
  *why = (struct refusal){REASON_MAPFAIL, 0, 0};
  t = thread_bare_take();
  if (!t) return NULL;
  p = cache_pop(t, class, why);
  thread_bare_drop();
  if (p && option(OPT_VALIDATE)) validate_leave(p);
  return p;
}

/* Gives back what is kept for speed, so that a request may succeed after all. */
static bool give_way(void) {
  size_t bytes = keep_drop(0);
  bytes += pool_drop_kept(true);
  return bytes + super_drop_empty(0) > 0;
}

struct request {
  size_t size;
  size_t align;
  unsigned class;   /* 0: a run or a mapping */
  unsigned refused; /* the class that W_MAX refused, else 0 */
  bool zeroed;      /* wanted, and then: known to be so */
  bool quiet;       /* whoever asked can do without: a NULL is none of the program's */
};

static bool fits_run(const struct request *request) {
  return request->size <= LARGE_MAX && request->align <= LARGE_MAX;
}

static void report(const struct request *request, const struct refusal *why, enum next_route next) {
  unsigned class = request->class ? request->class : request->refused;
  if (request->quiet && why->reason != REASON_THRESHOLD) return;
  struct failure failure = {
      .size = request->size,
      .align = request->align,
      .class_size = class_size(class),
      .bytes = why->bytes,
      .error = why->error,
      .wmax = ace_wmax_of(request->size, start_wmax()),
      .reason = (uint8_t)why->reason,
      .next = (uint8_t)next,
  };
  refuse(&failure);
}

/* One route. After a refusal what is kept for speed is given up, and the route is tried again. */
static void *try_route(struct request *request, enum way way, struct refusal *why) {
  for (bool again = true;; again = false) {
    void *p;
    if (way == WAY_SLAB) p = class_alloc(request->class, why);
    else if (way == WAY_RUN) p = run_get(request->size, request->align, &request->zeroed, why);
    else p = huge_get(request->size, request->align, &request->zeroed, why);
    if (LIKELY(p != NULL) || !again || !give_way()) return p;
  }
}

/* The routes in turn. A tiny request has none but its class: a unit of 64 KiB for it would be
 * refused where a slab of 64 KiB was. */
static void *serve(struct request *request) {
  struct refusal why = {REASON_MAPFAIL, 0, 0};
  void *p = NULL;
  if (request->class) {
    bool last = request->size <= TINY_MAX;
    p = try_route(request, WAY_SLAB, &why);
    if (UNLIKELY(!p)) report(request, &why, last ? NEXT_NONE : NEXT_RUN);
    if (p) request->zeroed = false;
    if (p || last) return p;
  }
  if (fits_run(request)) {
    p = try_route(request, WAY_RUN, &why);
    if (UNLIKELY(!p)) report(request, &why, NEXT_MAPPING);
  }
  if (!p) {
    p = try_route(request, WAY_HUGE, &why);
    if (UNLIKELY(!p)) report(request, &why, NEXT_NONE);
  }
  return p;
}

static bool cannot_be(size_t size, size_t align) {
  struct request request = {size, align, 0, 0, false, false};
  struct refusal why = {REASON_OVERFLOW, 0, 0};
  if (size <= PTRDIFF_MAX && align <= PTRDIFF_MAX - size) return false;
  report(&request, &why, NEXT_NONE);
  return true;
}

static void count_call(enum tally_row row) {
  struct thread *t = thread_self();
  if (t && t->closed) tally_own(&t->tally, row, 1);
}

/* P, which may be NULL, is what SIZE bytes were asked for and got. */
static void *answer(void *p, size_t size) {
  if (p && UNLIKELY(option(OPT_VALIDATE))) validate_asked(p, size);
  count_call(TLY_MALLOC_CALLS);
  background_pass();
  return p;
}

NOINLINE static void *alloc(size_t size, bool *zeroed, bool quiet) {
  struct request request = {size, GRAIN, 0, 0, zeroed != NULL, quiet};
  void *p;
  thread_self(); /* the first call of all starts the allocator: options are in force from here on */
  if (cannot_be(size, GRAIN)) return NULL;
  if (start_wmax_binds()) {
    struct route route = ace_route(size, start_wmax());
    struct refusal why = {REASON_THRESHOLD, 0, 0};
    request.class = route.class;
    request.refused = route.refused;
    if (route.refused) report(&request, &why, NEXT_RUN);
  } else if (size <= CLASS_MAX) {
    request.class = class_of(size);
  }
  p = serve(&request);
  if (zeroed) *zeroed = request.zeroed;
  return answer(p, size);
}

void *front_alloc(size_t size, bool *zeroed) {
  return alloc(size, zeroed, false);
}

void *front_try(size_t size) {
  return alloc(size, NULL, true);
}

void *front_alloc_aligned(size_t align, size_t size) {
  struct request request = {size ? size : 1, align, 0, 0, false, false}; /* 0: a block of its own */
  if (align <= GRAIN) return front_alloc(size, NULL);
  thread_self();
  if (cannot_be(size, align)) return NULL;
  request.class = (unsigned)class_code_aligned(size, align) / 2;
  return answer(serve(&request), size);
}

/* --- out --- */

COLD _Noreturn static void bad_free(const char *what, const void *p) {
  text_die(what, p);
}

/* Under the lock that a fork waits for: nothing else would mend in the child what was half done. */
static bool return_under_lock(struct slab *slab, void *p) {
  bool returned;
  thread_bare_stop();
  returned = pool_return_block_any(slab, p);
  thread_bare_drop();
  return returned;
}

static void free_without_caches(void *p) {
  struct slab *slab = slab_of(p);
  unsigned class = slab_class(ld_rlx(&slab->state));
  const struct class_row *row = &class_table[class];
  if (option(OPT_VALIDATE) && !validate_enter(p, class)) return;
  if (!slab_starts_block(slab, row, p)) bad_free("free of a pointer into the middle of a block", p);
  if (!return_under_lock(slab, p)) bad_free("double free or a pointer into a free block", p);
  decay_moved(-(ptrdiff_t)class_size(class));
}

static void free_block(struct thread *t, void *p, tag_t tag) {
  unsigned class = (tag & TAG_CODE_MASK) / 2;
  if (UNLIKELY(option(OPT_VALIDATE))) {
    if (!validate_enter(p, class)) return;
    close_late(t);
  }
  if (tag >> TAG_OWNER_SHIFT != t->id && !cache_take_over(t, class, p)) {
    cache_push_remote(t, class, p);
  } else if (!t->closed) {
    cache_push(t, class, p);
  } else {
    thread_open(t, class);
    cache_push(t, class, p);
    thread_close(t, class);
  }
}

bool front_free(void *p) {
  tag_t tag = map_tag(p);
  unsigned code = tag & TAG_CODE_MASK;
  struct thread *t;
  if (!code) return false;
  t = entered(thread_self_freeing());
  if (t && t->closed) tally_own(&t->tally, TLY_FREE_CALLS, 1);
  if (code >= TAG_RUN) {
    bool given = code == TAG_RUN ? run_give(p) : huge_give(p);
    if (!given) bad_free("free of a pointer into the middle of a block, or freed already", p);
    if (t) cache_given(t);
  } else if (t) {
    free_block(t, p, tag);
  } else {
    free_without_caches(p);
  }
  if (t) thread_leave(t);
  return true;
}

/* --- in place --- */

size_t front_usable(const void *p) {
  unsigned code = map_tag(p) & TAG_CODE_MASK;
  if (!code) return 0;
  if (code == TAG_RUN) return run_size(p);
  if (code == TAG_HUGE) return huge_size(p);
  return class_size(code / 2);
}

void *front_resize(void *p, size_t size) {
  unsigned code = map_tag(p) & TAG_CODE_MASK;
  struct refusal why;
  if (code >= TAG_RUN && (uintptr_t)p % (code == TAG_RUN ? UNIT_SIZE : SUPER_SIZE))
    bad_free("realloc of a pointer into the middle of a block", p);
  if (code == TAG_HUGE && size > LARGE_MAX && size <= PTRDIFF_MAX)
    return huge_resize(p, size, &why);
  if (code == TAG_RUN && size > CLASS_MAX && size <= LARGE_MAX)
    return run_resize(p, size) ? p : NULL;
  return NULL;
}

void front_regate(void) {
  struct thread *t = entered(thread_self());
  if (t) thread_leave(t);
}

void front_flush(void) {
  struct gates *gates = self_gates;
  struct thread *t = gates->owner_tag ? (struct thread *)(void *)gates : NULL;
  thread_bare_flush();
  if (!t) return;
  thread_enter(t);
  for (unsigned class = 0; t->closed && class < CLASSES; class++) thread_open(t, class);
  cache_empty(t);
  collect(t, UINT64_MAX);
  for (unsigned class = 0; t->closed && class < CLASSES; class++) thread_close(t, class);
  thread_leave(t);
}

static bool within(void **top, void **base, unsigned n) {
  return top >= base && top <= base + n;
}

/* A thread that runs may just move a magazine: its top is in one place or the other. */
static bool bounded(const struct thread *t, unsigned class, bool idle) {
  const struct cell *cell = &t->cell[class];
  void **top = thread_top(t, class);
  void **near = (void **)(uintptr_t)t->slots + cell->near;
  void **far = (void **)(uintptr_t)t->slots + cell->far;
  void **middle = thread_middle(t, class);
  if (near[-1] || middle[-1] || far[-1]) return false;
  if (idle) return within(top, cell->base, class ? cell->capacity : 0);
  return within(top, near, cell->start) || within(top, middle, MAGAZINE_MIDDLE) ||
         within(top, far, cell->most);
}

/* Each magazine's top lies between its bounds, and no slot below it is empty but those that were
 * taken. The slots of a thread that runs are its own: those are not read. */
static int check_thread(const struct thread *t) {
  bool idle = !t->living || self_gates == &t->gates;
  int bad = 0;
  for (unsigned class = 0; class < CLASSES; class++) {
    const struct cell *cell = &t->cell[class];
    unsigned n = idle ? thread_slots(t, class) : 0;
    unsigned holes = 0;
    if (!bounded(t, class, idle)) bad++;
    for (unsigned i = 0; i < n; i++) holes += !cell->base[i];
    if (idle && holes != cell->stolen) bad++;
  }
  if (bad) text_violated("I1: a magazine is out of its bounds", t);
  return bad;
}

int front_check(void) {
  int bad = 0;
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    bad += check_thread(LINK_OWNER(link, struct thread, all));
  }
  thread_unlock();
  return bad;
}
