#include "pool/pool.h"

#include "base/text.h"
#include "diag/counter.h"
#include "diag/option.h"
#include "os/process.h"
#include "pool/huge.h"
#include "pool/keep.h"
#include "super/purge.h"

/* Quarters of fullness: a slab is listed by the free blocks it has then, and moves no more. Filling
 * the fullest first lets the emptiest drain. Slabs whose free pages went come last: what is still
 * resident serves before. */
enum { QUARTERS = 4, LIST_PURGED = QUARTERS, LISTS };

struct shelf {
  struct lock lock;
  struct link list[LISTS]; /* [lock class] 0 is the fullest */
  uint32_t listed;            /* [lock class] slabs; relaxed to see whether there are any */
  uint32_t purged;            /* [lock class] of these, in LIST_PURGED */
  bool kept_long;             /* [lock class] `kept` was there at the last look */
  struct slab *kept;          /* [lock class] a listed slab that is all free, counted as retained */
} ALIGNED(64);

static struct shelf shelves[CLASSES];

static struct slab *slab_of_link(struct link *link) {
  return LINK_OWNER(link, struct slab, link);
}

static uint16_t *looked_of(const struct slab *slab) {
  return &slab_super(slab)->looked[unit_of(slab->base)];
}

static void list_locked(struct shelf *shelf, struct slab *slab, uint32_t state) {
  const struct class_row *row = &class_table[slab_class(state)];
  unsigned quarter = (unsigned)slab_count(state) * QUARTERS / (row->blocks + 1u);
  uint16_t looked = ld_rlx(looked_of(slab));
  struct link *list = &shelf->list[looked & LOOKED_PURGED ? LIST_PURGED : quarter];
  st_rlx(&slab_super(slab)->shelved[unit_of(slab->base)], (uint32_t)os_milliseconds());
  if (!looked) add_seq(&counter_value[CNT_SPARSE_WAITING], 1); /* pairs: purge_sleep */
  /* Taken for what it counts, it must have something to claim. */
  if (UNLIKELY(!ld_rlx(&slab->summary))) slab_show_hidden(slab);
  or_acq_rel(&slab->state, SLAB_LISTED);
  /* Lower addresses first, as far as one comparison tells. */
  if (!list_empty(list) && slab_of_link(list->next)->base < slab->base)
    list_append(list, &slab->link);
  else
    list_push(list, &slab->link);
  st_rlx_any(&shelf->listed, shelf->listed + 1);
  if (looked & LOOKED_PURGED) st_rlx_any(&shelf->purged, shelf->purged + 1);
}

/* Whoever takes a slab touches its pages: it is to be looked at anew. */
static void unlist_locked(struct shelf *shelf, struct slab *slab) {
  uint16_t *looked = looked_of(slab);
  if (!ld_rlx(looked)) count_down_any(CNT_SPARSE_WAITING, 1);
  if (ld_rlx(looked) & LOOKED_PURGED) st_rlx_any(&shelf->purged, shelf->purged - 1);
  st_rlx(looked, 0);
  list_remove(&slab->link);
  st_rlx_any(&shelf->listed, shelf->listed - 1);
  if (shelf->kept != slab) return;
  st_rlx_any(&shelf->kept, NULL);
  purge_release(UNIT_SIZE);
}

/* Takes a slab apart whose blocks are all free; the class lock is held, so no settler is inside,
 * and no returner: all blocks are counted, and counting is a returner's last access (I5). */
static void retire_locked(struct shelf *shelf, struct slab *slab, uint32_t state) {
  if (state & SLAB_LISTED) unlist_locked(shelf, slab);
  map_set_tags(slab->base, class_table[slab_class(state)].units, 0); /* before the class goes */
  st_rlx(looked_of(slab), 0);
  st_rel(&slab->state, 0); /* class 0: a late settler finds nothing to do; pairs: settle */
}

static void give_units(struct slab *slab, unsigned class) {
  struct superslab *super = slab_super(slab);
  unsigned first = unit_of(slab->base);
  unsigned n = class_table[class].units;
  count_any(CNT_SLABS_RECYCLED, 1);
  units_note_touched(super, first, n, (size_t)ld_rlx(&slab->high) * class_size(class));
  units_give(super, first, n);
  huge_settle();
}

/* Threads that come and go use the same classes: instead of being taken apart and carved anew, one
 * empty slab stays listed while its class has no other. */
static bool keep_locked(struct shelf *shelf, struct slab *slab, uint32_t state) {
  bool only = shelf->listed == (state & SLAB_LISTED ? 1u : 0u);
  if (!only || class_table[slab_class(state)].units > 1 || purge_bound() < KEEP_BUDGET)
    return false;
  if (state & SLAB_LISTED) unlist_locked(shelf, slab); /* to the list of the emptiest */
  list_locked(shelf, slab, state);
  st_rlx_any(&shelf->kept, slab);
  purge_retain_locked(UNIT_SIZE); /* before anybody can take it off */
  shelf->kept_long = false;
  return true;
}

enum settled { SETTLED, SETTLED_LISTED, SETTLED_KEPT, SETTLED_EMPTY };

static enum settled settle_locked(struct shelf *shelf, struct slab *slab, uint32_t state) {
  const struct class_row *row = &class_table[slab_class(state)];
  if ((state & SLAB_OWNED) || shelf->kept == slab) return SETTLED;
  if (slab_count(state) == row->blocks) {
    if (keep_locked(shelf, slab, state)) return SETTLED_KEPT;
    retire_locked(shelf, slab, state);
    return SETTLED_EMPTY;
  }
  if ((state & SLAB_LISTED) || slab_count(state) < row->threshold) return SETTLED;
  list_locked(shelf, slab, state);
  return SETTLED_LISTED;
}

/* Puts a slab that nobody owns where it belongs. CLASS is what the caller saw before: by now the
 * slab may be owned, listed, empty and gone, or carved anew, and one load tells. */
static bool settle(struct slab *slab, unsigned class) {
  struct shelf *shelf = &shelves[class];
  enum settled what = SETTLED;
  uint32_t state;
  lock_take(&shelf->lock);
  state = ld_acq(&slab->state); /* pairs: slab_count_returned_any, slab_carve */
  if (slab_class(state) == class) what = settle_locked(shelf, slab, state);
  lock_drop(&shelf->lock);
  if (what == SETTLED_LISTED || what == SETTLED_KEPT) purge_notice();
  if (what == SETTLED_KEPT) huge_fit_budget();
  if (what == SETTLED_EMPTY) give_units(slab, class);
  return what == SETTLED_KEPT || what == SETTLED_EMPTY;
}

static bool drop_kept(unsigned class, bool all) {
  struct shelf *shelf = &shelves[class];
  struct slab *slab;
  lock_take(&shelf->lock);
  slab = all || shelf->kept_long ? shelf->kept : NULL;
  shelf->kept_long = true;
  if (slab) retire_locked(shelf, slab, ld_acq(&slab->state)); /* pairs: slab_count_returned_any */
  lock_drop(&shelf->lock);
  if (slab) give_units(slab, class);
  return slab != NULL;
}

size_t pool_drop_kept(bool all) {
  size_t bytes = 0;
  for (unsigned class = 1; class < CLASSES; class++)
    if (ld_rlx(&shelves[class].kept) && drop_kept(class, all)) bytes += UNIT_SIZE;
  return bytes;
}

bool pool_settle_any(struct slab *slab, uint32_t old, unsigned n) {
  return UNLIKELY(slab_crossed_line(old, n)) && settle(slab, slab_class(old));
}

void pool_settle_now(struct slab *slab) {
  unsigned class = slab_class(ld_rlx(&slab->state));
  if (class) settle(slab, class);
}

/* The first slab of LIST that thread OWNER may have: in its private pool, or with 0 in the shared
 * one, which is every slab's unless HAKMEM_TINY_SS_SHARED says otherwise. TOUCHED: one with free
 * blocks that were in use before. */
static struct slab *first_of(struct link *list, uint32_t owner, bool touched) {
  int patience = 8; /* slabs of which only fresh blocks are left: a thread leaves one at most */
  LIST_EACH(link, list) {
    struct slab *slab = slab_of_link(link);
    bool fits = !touched || slab_touched_free(slab);
    if (fits && (option(OPT_TINY_SS_SHARED) == 2 || slab_super(slab)->owner == owner)) return slab;
    if (!fits && !--patience) return NULL;
  }
  return NULL;
}

static struct slab *unlist(unsigned class, uint32_t owner, bool touched, struct slab **taken) {
  struct shelf *shelf = &shelves[class];
  struct slab *slab = NULL;
  /* what is listed now is there at the next miss */
  if (ld_rlx(&shelf->listed) == (touched ? ld_rlx(&shelf->purged) : 0)) return NULL;
  lock_take(&shelf->lock);
  for (unsigned i = 0; i < (touched ? QUARTERS : LISTS) && !slab; i++)
    slab = first_of(&shelf->list[i], owner, touched);
  if (slab) {
    unlist_locked(shelf, slab);
    st_rlx(taken, slab); /* under the lock, where no fork can fall */
    xor_acq_rel(&slab->state, SLAB_LISTED | SLAB_OWNED); /* I3: from one to the other at once */
  }
  lock_drop(&shelf->lock);
  return slab;
}

static struct slab *carve(unsigned class, uint32_t owner, struct slab **taken,
                          struct refusal *why) {
  struct units units;
  struct slab *slab;
  if (!units_take_of(owner, class_table[class].units, 1, &units, why)) return NULL;
  slab = slab_carve(&units, class);
  st_rlx(taken, slab);
  count_any(CNT_SLABS_CARVED, 1);
  return slab;
}

static void tag_blocks(const struct slab *slab, unsigned class, uint32_t owner) {
  map_set_tags(slab->base, class_table[class].units, owner << TAG_OWNER_SHIFT | 2 * class);
}

static void give_to(const struct slab *slab, unsigned class, uint32_t owner) {
  count_any(CNT_SLABS_GIVEN, 1);
  tag_blocks(slab, class, owner);
}

/* HAKMEM_TINY_SS_SHARED: 2 the shared pool alone; 1 shared, then private; 0 private alone. */
struct slab *pool_find(unsigned class, uint32_t owner, bool touched, struct slab **taken) {
  uint64_t mode = option(OPT_TINY_SS_SHARED);
  struct slab *slab = mode >= 1 ? unlist(class, 0, touched, taken) : NULL;
  if (!slab && mode <= 1) slab = unlist(class, owner, touched, taken);
  if (!slab) return NULL;
  count_any(CNT_SLABS_RELISTED, 1);
  give_to(slab, class, owner);
  return slab;
}

struct slab *pool_get(unsigned class, uint32_t owner, struct slab **taken, struct refusal *why) {
  uint64_t mode = option(OPT_TINY_SS_SHARED);
  struct slab *slab = pool_find(class, owner, false, taken);
  if (slab) return slab;
  if (mode >= 1) slab = carve(class, 0, taken, why);
  if (!slab && mode <= 1) slab = carve(class, owner, taken, why);
  if (slab) give_to(slab, class, owner);
  return slab;
}

bool pool_own_listed(struct slab *slab) {
  unsigned class = slab_class(ld_rlx(&slab->state));
  struct shelf *shelf = &shelves[class];
  uint32_t state;
  bool mine;
  if (!class) return false;
  lock_take(&shelf->lock);
  state = ld_acq(&slab->state); /* pairs: slab_carve: by now it may be another slab's descriptor */
  mine = slab_class(state) == class && (state & SLAB_LISTED);
  if (mine) {
    unlist_locked(shelf, slab);
    xor_acq_rel(&slab->state, SLAB_LISTED | SLAB_OWNED);
  }
  lock_drop(&shelf->lock);
  return mine;
}

void pool_let_go_looked(struct slab *slab, uint16_t looked) {
  st_rlx(looked_of(slab), looked);
  pool_let_go(slab);
}

void pool_let_go(struct slab *slab) {
  uint32_t old = and_acq_rel(&slab->state, ~(uint32_t)SLAB_OWNED); /* pairs: settle */
  const struct class_row *row = &class_table[slab_class(old)];
  if (slab_count(old) >= row->threshold) settle(slab, slab_class(old));
}

void pool_take_back(struct slab *slab) {
  tag_blocks(slab, slab_class(ld_rlx(&slab->state)), 0);
  pool_let_go(slab);
}

bool pool_return_block_any(struct slab *slab, const void *p) {
  const struct class_row *row = &class_table[slab_class(ld_rlx(&slab->state))];
  unsigned i = slab_index(slab, row, p);
  if (slab_return_any(slab, i / 64, (uint64_t)1 << i % 64)) return false;
  pool_settle_any(slab, slab_count_returned_any(slab, 1), 1);
  return true;
}

void pool_fork_take(void) {
  for (unsigned class = 1; class < CLASSES; class++) lock_fork_take(&shelves[class].lock);
}

void pool_fork_child(void) {
  keep_fork_child();
  count_any(CNT_RETAINED_BYTES, super_dirty_bytes_locked());
  for (unsigned class = 1; class < CLASSES; class++)
    if (ld_rlx(&shelves[class].kept)) count_any(CNT_RETAINED_BYTES, UNIT_SIZE);
}

void pool_fork_drop(void) {
  for (unsigned class = 1; class < CLASSES; class++) lock_fork_drop(&shelves[class].lock);
}

/* I4, told for one slab of a superslab. */
static int check_slab(const struct slab *slab, uint64_t *waiting) {
  uint32_t state = ld_rlx(&slab->state);
  const struct class_row *row = &class_table[slab_class(state)];
  int bad = slab_check(slab);
  bool idle = !(state & (SLAB_OWNED | SLAB_LISTED));
  if (idle && slab_count(state) >= row->threshold)
    bad += text_violated("I4: a slab that nobody owns has free blocks and is not listed", NULL);
  if (!(state & SLAB_OWNED) && slab_count(state) == row->blocks &&
      ld_rlx(&shelves[slab_class(state)].kept) != slab)
    bad += text_violated("I5: an empty slab that nobody owns holds its units", NULL);
  if (!(state & SLAB_LISTED) && ld_rlx(looked_of(slab)))
    bad += text_violated("a slab that is not listed counts as looked at for free pages", NULL);
  if ((state & SLAB_LISTED) && !ld_rlx(looked_of(slab))) *waiting += 1;
  return bad;
}

static int check_super(struct superslab *super, uint64_t *waiting) {
  int bad = 0;
  for (uint64_t held = ~super->free; held; held &= held - 1) {
    unsigned unit = bit_lowest(held);
    tag_t tag = map_tag(unit_address(super, unit));
    unsigned code = tag & TAG_CODE_MASK;
    if (code && code < CODES && ld_rlx(&super->head[unit]) == unit)
      bad += check_slab(slab_at(super, unit), waiting);
  }
  return bad;
}

static int check_kept(const struct shelf *shelf) {
  const struct slab *slab = ld_rlx(&shelf->kept);
  uint32_t state = slab ? ld_rlx(&slab->state) : 0;
  if (!slab) return 0;
  if ((state & SLAB_LISTED) && slab_count(state) == class_table[slab_class(state)].blocks) return 0;
  return text_violated("I5: a slab that is kept is not listed, or not empty", slab->base);
}

int pool_check(void) {
  uint64_t waiting = 0;
  int bad = 0;
  for (unsigned class = 1; class < CLASSES; class++) bad += check_kept(&shelves[class]);
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    bad += check_super(LINK_OWNER(link, struct superslab, all), &waiting);
  }
  super_unlock();
  if (waiting != count_read(CNT_SPARSE_WAITING))
    bad += text_violated("the count of slabs that wait for a look is wrong", NULL);
  return bad;
}
