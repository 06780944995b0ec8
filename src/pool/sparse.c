#include "pool/sparse.h"

#include "diag/counter.h"
#include "diag/option.h"
#include "os/process.h"
#include "os/room.h"
#include "pool/pool.h"
#include "super/purge.h"

/* --- one slab, which the caller owns --- */

/* The first block from I on that is free, or not, as WANTED; the slab's end when there is none. */
static unsigned next_block(const struct slab *slab, const struct class_row *row, unsigned i,
                           bool wanted) {
  while (i < row->blocks) {
    uint64_t word = ld_acq(&slab->words[i / 64]); /* pairs: slab_return_any */
    uint64_t left = (wanted ? word : ~word) >> i % 64;
    if (left) return (unsigned)min_size(i + bit_lowest(left), row->blocks);
    i = (i / 64 + 1) * 64;
  }
  return row->blocks;
}

/* A slab's pages that hold free blocks only, one range of them after the other. */
struct walk {
  const struct class_row *row;
  size_t page;
  size_t touched; /* bytes from the base on that may be resident */
  unsigned next;  /* block */
  size_t from, to;
};

static struct walk walk_of(const struct slab *slab) {
  const struct class_row *row = &class_table[slab_class(ld_rlx(&slab->state))];
  size_t page = os_page_size();
  size_t touched = round_up((size_t)ld_rlx(&slab->high) * row->size, page);
  touched = min_size(touched, (size_t)row->units * UNIT_SIZE);
  return (struct walk){row, page, touched, 0, 0, 0};
}

/* The rest behind the last block is nobody's. */
static bool walk_on(struct walk *walk, const struct slab *slab) {
  while (walk->next < walk->row->blocks) {
    unsigned first = next_block(slab, walk->row, walk->next, true);
    unsigned beyond = next_block(slab, walk->row, first, false);
    bool last = beyond == walk->row->blocks;
    size_t end = last ? walk->touched : (size_t)beyond * walk->row->size;
    walk->next = beyond;
    walk->from = round_up((size_t)first * walk->row->size, walk->page);
    walk->to = min_size(end, walk->touched) & ~(walk->page - 1);
    if (walk->from < walk->to) return true;
  }
  return false;
}

static size_t free_bytes(const struct slab *slab, size_t *ranges) {
  struct walk walk = walk_of(slab);
  size_t bytes = 0;
  for (*ranges = 0; walk_on(&walk, slab); ++*ranges) bytes += walk.to - walk.from;
  return bytes;
}

/* Adds what became of the pages to *LOOKED. */
static size_t purge_pages(struct slab *slab, bool hard, uint16_t *looked) {
  struct walk walk = walk_of(slab);
  size_t bytes = 0;
  while (walk_on(&walk, slab)) {
    bool lazily;
    if (!purge_range(slab->base + walk.from, walk.to - walk.from, hard, &lazily)) continue;
    bytes += walk.to - walk.from;
    *looked |= lazily ? LOOKED_LAZILY : LOOKED_PURGED;
    if (walk.to < walk.touched || lazily) continue;
    /* fresh from here on, as when the slab was carved */
    st_rlx(&slab->high, (uint32_t)((walk.from + walk.row->size - 1) / walk.row->size));
  }
  return bytes;
}

struct order {
  uint32_t now;   /* ms */
  uint32_t age;   /* ms that a slab has been listed, at least */
  bool hard;
  unsigned least; /* bytes of a range, in the mean of a slab: one of less waits for its age */
};

/* Looks at SLAB unless somebody took it meanwhile. *KEEP bytes may stay: they are lowered. */
static size_t purge_slab(struct slab *slab, const struct order *order, size_t *keep) {
  size_t ranges, bytes;
  uint16_t looked;
  if (!pool_own_listed(slab)) return 0;
  looked = (uint16_t)slab_count_bits(slab);
  bytes = free_bytes(slab, &ranges);
  if (bytes <= *keep || bytes < ranges * order->least) {
    *keep -= min_size(bytes, *keep);
    pool_let_go_looked(slab, bytes ? 0 : looked);
    return 0;
  }
  bytes = purge_pages(slab, order->hard, &looked);
  count_any(CNT_SPARSE_BYTES, bytes);
  count_any(CNT_PURGED_BYTES, bytes);
  pool_let_go_looked(slab, looked);
  return bytes;
}

/* --- all slabs --- */

/* Is UNIT's slab listed long enough, with a page of free blocks more than at the last look? No lock
 * is held that makes it certain: pool_own_listed does. */
static bool due(struct superslab *super, unsigned unit, const struct order *order) {
  struct slab *slab = slab_at(super, unit);
  uint32_t state = ld_rlx(&slab->state);
  uint16_t looked = ld_rlx(&super->looked[unit]);
  int32_t listed = (int32_t)(order->now - ld_rlx(&super->shelved[unit])); /* or later than NOW */
  int32_t more = slab_count(state) - (looked & LOOKED_BLOCKS);
  if (!(state & SLAB_LISTED)) return false;
  if (order->hard && (looked & LOOKED_LAZILY)) return true;
  if (more <= 0 || (order->age && listed < (int32_t)order->age)) return false;
  return !looked || (size_t)more * class_size(slab_class(state)) >= os_page_size();
}

static uint64_t due_units(struct superslab *super, const struct order *order) {
  uint64_t mask = 0;
  unsigned n;
  for (unsigned unit = 0; unit < SUPER_UNITS; unit += n) {
    bool held = !(super->free >> unit & 1);
    tag_t code = held ? map_tag(unit_address(super, unit)) & TAG_CODE_MASK : 0;
    n = code && code < CODES ? class_table[code / 2].units : 1;
    if (code && code < CODES && due(super, unit, order)) mask |= (uint64_t)1 << unit;
  }
  return mask;
}

/* The superslab may go before its slabs are owned; its descriptor stays one. */
static struct superslab *next_super(const struct order *order, uint64_t *units) {
  struct superslab *super;
  super_lock();
  super = super_next_locked();
  *units = super ? due_units(super, order) : 0;
  super_unlock();
  return super;
}

size_t sparse_supers(void) {
  return count_left(CNT_SUPER_MAPPED, CNT_SUPER_UNMAPPED);
}

/* Ms that a slab is listed before its free pages go by age: where the cgroup leaves so little room
 * that it bounds what is retained, an eighth of what is asked for. */
static uint32_t age(void) {
  uint64_t ms = option(OPT_DECAY_MS);
  if (room_left() / ROOM_SHARE < option(OPT_RETAIN)) ms /= DECAY_STEPS;
  return (uint32_t)max_size(ms, SPARSE_LEAST_MS);
}

/* Looks at *SUPERS superslabs, which it lowers; it stops before when it has done much. *KEEP bytes
 * may stay. */
static size_t purge_some(const struct order *order, size_t *supers, size_t batch, size_t *keep) {
  unsigned slabs = 0;
  size_t bytes = 0;
  if (option(OPT_PURGE) == PURGE_OFF) *supers = 0;
  for (; *supers && bytes < batch && slabs < SPARSE_SLABS; --*supers) {
    uint64_t units;
    struct superslab *super = next_super(order, &units);
    slabs += bit_count(units);
    for (; units; units &= units - 1)
      bytes += purge_slab(slab_at(super, bit_lowest(units)), order, keep);
  }
  return bytes;
}

size_t sparse_purge_aged(uint64_t now, size_t batch, bool *more) {
  struct order order = {(uint32_t)now, age(), false, 0};
  size_t supers = min_size(sparse_supers() / DECAY_STEPS + 1, SPARSE_SUPERS);
  size_t keep = 0;
  size_t bytes = purge_some(&order, &supers, batch, &keep);
  *more = supers > 0;
  return bytes;
}

size_t sparse_purge_grown(uint64_t now) {
  uint64_t ms = max_size(option(OPT_DECAY_MS) / SPARSE_GROWING, SPARSE_LEAST_MS);
  struct order order = {(uint32_t)now, (uint32_t)ms, false, 0};
  size_t supers = SPARSE_GROWN_SUPERS;
  size_t keep = 0;
  return purge_some(&order, &supers, SUPER_SIZE, &keep);
}

size_t sparse_purge_shrunk(size_t *supers, size_t *keep) {
  struct order order = {(uint32_t)os_milliseconds(), 0, false, SPARSE_WORTH};
  return purge_some(&order, supers, SPARSE_SHRUNK_BATCH, keep);
}

size_t sparse_purge_all(size_t keep) {
  struct order order = {0, 0, true, 0};
  size_t bytes = 0;
  for (size_t supers = sparse_supers(); supers; supers--) {
    uint64_t units;
    struct superslab *super = next_super(&order, &units);
    for (; units; units &= units - 1)
      bytes += purge_slab(slab_at(super, bit_lowest(units)), &order, &keep);
  }
  return bytes;
}
