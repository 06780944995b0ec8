/* What of each range is resident, and for what. */
#include <string.h>

#include "api/ledger.h"
#include "base/bits.h"
#include "diag/option.h"
#include "front/validate.h"
#include "os/process.h"
#include "slab/slab.h"

/* Adds the bytes FROM..TO of what was looked at last. */
static void add_bytes(const struct pages *pages, size_t from, size_t to, struct amount *amount) {
  unsigned shift = pages->shift;
  amount->bytes += to - from;
  for (size_t i = from >> shift; i << shift < to; i++) {
    uint64_t part;
    if (!pages_present(pages, i)) continue;
    part = min_size(to, (i + 1) << shift) - max_size(from, i << shift);
    amount->resident += part;
    if (pages_shared(pages, i)) amount->shared += part;
  }
}

static void add(struct amount *to, const struct amount *more) {
  to->bytes += more->bytes;
  to->resident += more->resident;
  to->shared += more->shared;
}

static void subtract(struct amount *from, const struct amount *less) {
  from->bytes -= less->bytes;
  from->resident -= less->resident;
  from->shared -= less->shared;
}

/* Any range, which need not begin or end with a page. */
static void add_range(struct book *book, uint64_t start, uint64_t bytes, struct amount *amount) {
  size_t page = (size_t)1 << book->pages.shift;
  uint64_t end = start + bytes;
  while (start < end) {
    uint64_t first = start & ~(uint64_t)(page - 1);
    uint64_t beyond = min_size(end, first + PAGES_MOST * page);
    pages_look(&book->pages, first, (beyond - first + page - 1) >> book->pages.shift);
    add_bytes(&book->pages, start - first, beyond - first, amount);
    start = beyond;
  }
}

/* --- a slab --- */

struct slab_view {
  const struct class_row *row;
  uint64_t base;   /* address of its first block */
  size_t offset;   /* of that, in the superslab */
  size_t end;      /* of its units, in the superslab */
  uint64_t free[SLAB_WORDS]; /* its bitmap, read once */
};

/* A slab whose superslab goes at this moment may have no bitmap any more, or one of another class,
 * which has more blocks. */
static void read_free(struct slab_view *view, const struct slab *slab) {
  const uint64_t *words = ld_rlx(&slab->words);
  unsigned last = view->row->words - 1u;
  for (unsigned w = 0; w < view->row->words; w++) view->free[w] = words ? ld_rlx(&words[w]) : 0;
  view->free[last] &= bit_span(0, view->row->blocks - 64 * last);
}

/* Adds the free blocks: as runs of bits, of which each is a range of bytes. */
static void add_free(const struct pages *pages, const struct slab_view *view, struct amount *free,
                     uint64_t *blocks) {
  size_t size = view->row->size;
  for (unsigned w = 0; w < view->row->words; w++) {
    uint64_t bits = view->free[w];
    while (bits) {
      unsigned first = bit_lowest(bits);
      uint64_t beyond = ~(bits >> first);
      unsigned n = beyond ? bit_lowest(beyond) : 64;
      size_t from = view->offset + (w * (size_t)64 + first) * size;
      add_bytes(pages, from, from + n * size, free);
      *blocks += n;
      bits &= ~bit_span(first, n);
    }
  }
}

/* The first of the cached blocks that lies at ADDRESS or above. */
static size_t first_cached(const struct book *book, uint64_t address) {
  size_t low = 0;
  size_t high = book->cached_blocks;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (book->cached[middle] < address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* Adds the blocks of this slab that lie in magazines and outboxes. One that is free by now, or was
 * seen twice on its way from one to another, is passed over. */
static void add_cached(struct book *book, const struct slab_view *view, struct amount *cached,
                       struct amount *outbox) {
  size_t size = view->row->size;
  uint64_t end = view->base + (uint64_t)view->row->blocks * size;
  struct class_book *class = &book->class[view->row - class_table];
  uint64_t last = 0;
  for (size_t i = first_cached(book, view->base); i < book->cached_blocks; i++) {
    uint64_t address = book->cached[i] & ~(uint64_t)IN_OUTBOX;
    bool out = book->cached[i] & IN_OUTBOX;
    size_t index = (address - view->base) / size;
    size_t from = view->offset + (address - view->base);
    if (address >= end) break;
    if (address == last || view->base + index * size != address) continue;
    if (view->free[index / 64] >> index % 64 & 1) continue;
    add_bytes(&book->pages, from, from + size, out ? outbox : cached);
    *(out ? &class->outbox : &class->cached) += 1;
    last = address;
  }
}

static void measure_slab(struct book *book, const struct slab_view *view) {
  struct class_book *class = &book->class[view->row - class_table];
  size_t used = view->offset + (size_t)view->row->blocks * view->row->size;
  uint64_t idle = class->cached + class->outbox;
  uint64_t free_blocks = 0;
  struct amount live = {0, 0, 0}, free = live, cached = live, outbox = live;
  add_bytes(&book->pages, view->offset, used, &live);
  add_free(&book->pages, view, &free, &free_blocks);
  add_cached(book, view, &cached, &outbox);
  idle = class->cached + class->outbox - idle;
  subtract(&live, &free);
  subtract(&live, &cached);
  subtract(&live, &outbox);
  add_bytes(&book->pages, used, view->end, &book->line[HAK_SLAB_TAILS]);
  add(&book->line[HAK_LIVE_SLABS], &live);
  /* an empty slab is kept, or just about to be used: retained either way */
  add(&book->line[free_blocks == view->row->blocks ? HAK_RETAINED_UNITS : HAK_FREE_BLOCKS], &free);
  add(&book->line[HAK_CACHED], &cached);
  add(&book->line[HAK_OUTBOXES], &outbox);
  class->slabs++;
  class->free += free_blocks;
  class->live += view->row->blocks - free_blocks - idle;
  add(&class->held, &live);
}

/* Adds the ends of live blocks that nobody asked for, as far as validation knows them. A block in a
 * magazine or outbox is not live to it. */
static void add_unused(struct book *book, const struct slab_view *view,
                       const struct superslab *super) {
  size_t size = view->row->size;
  for (unsigned i = 0; i < view->row->blocks; i++) {
    size_t asked;
    if (view->free[i / 64] >> i % 64 & 1) continue;
    if (validate_knows(super, (void *)(uintptr_t)(view->base + i * size), &asked))
      book->unused += size - min_size(asked, size);
  }
}

/* --- a superslab --- */

static unsigned free_unit(struct book *book, const struct range *range, unsigned unit) {
  size_t from = (size_t)unit << UNIT_SHIFT;
  bool dirty = range->dirty >> unit & 1;
  add_bytes(&book->pages, from, from + UNIT_SIZE,
            &book->line[dirty ? HAK_RETAINED_UNITS : HAK_HUGE_PAGE_EXCESS]);
  return 1;
}

/* A unit that is held: a run's, a slab's, or, without a tag, one that is being given back. Returns
 * how many units it is one of. */
static unsigned held_units(struct book *book, const struct range *range, unsigned unit) {
  struct superslab *super = range->super;
  size_t from = (size_t)unit << UNIT_SHIFT;
  unsigned code = map_tag((void *)(uintptr_t)(range->start + from)) & TAG_CODE_MASK;
  unsigned left = SUPER_UNITS - unit;
  unsigned n = 1;
  struct slab_view view = {0};
  if (code == TAG_RUN) {
    n = (unsigned)min_size(max_size(ld_rlx(&super->length[unit]), 1), left);
    add_bytes(&book->pages, from, from + ((size_t)n << UNIT_SHIFT), &book->line[HAK_LIVE_RUNS]);
    return n;
  }
  if (!code || code >= CODES || class_table[code / 2].units > left) {
    add_bytes(&book->pages, from, from + UNIT_SIZE, &book->line[HAK_RETAINED_UNITS]);
    return 1;
  }
  view.row = &class_table[code / 2];
  n = view.row->units;
  view.base = range->start + from;
  view.offset = from;
  view.end = from + ((size_t)n << UNIT_SHIFT);
  read_free(&view, slab_at(super, unit));
  measure_slab(book, &view);
  if (option(OPT_VALIDATE)) add_unused(book, &view, super);
  return n;
}

static void measure_super(struct book *book, const struct range *range) {
  unsigned unit = 0;
  pages_look(&book->pages, range->start, SUPER_SIZE >> book->pages.shift);
  while (unit < SUPER_UNITS) {
    bool is_free = range->free >> unit & 1;
    unit += is_free ? free_unit(book, range, unit) : held_units(book, range, unit);
  }
}

/* --- all ranges --- */

static struct amount *line_of(struct book *book, enum range_kind kind) {
  if (kind == RANGE_HUGE) return &book->line[HAK_LIVE_HUGE];
  if (kind == RANGE_HUGE_CACHED) return &book->line[HAK_RETAINED_HUGE];
  if (kind == RANGE_CHUNK) return &book->line[HAK_META_DESCRIPTORS];
  if (kind == RANGE_LEAF) return &book->line[HAK_META_MAP];
  if (kind == RANGE_LIBRARY) return &book->line[HAK_META_VARIABLES];
  if (kind == RANGE_CHECKS) return &book->line[HAK_META_CHECKS];
  if (kind == RANGE_THREAD) return &book->line[HAK_META_THREADS];
  return &book->scratch;
}

static void measure_ours(struct book *book) {
  for (size_t i = 0; i < book->ranges; i++) {
    const struct range *range = &book->range[i];
    if (range->kind == RANGE_SUPER) measure_super(book, range);
    else add_range(book, range->start, range->bytes, line_of(book, range->kind));
  }
  subtract(&book->line[HAK_META_DESCRIPTORS], &book->line[HAK_META_THREADS]);
}

/* --- what is not ours --- */

/* Measures what of AREA lies between our ranges; *AT is the first that may lie in it. */
static void measure_between(struct book *book, const struct smaps_area *area, size_t at) {
  uint64_t from = area->start;
  for (; at < book->ranges && book->range[at].start < area->end; at++) {
    const struct range *range = &book->range[at];
    if (range->kind == RANGE_THREAD) continue;
    if (range->start > from) add_range(book, from, range->start - from, &book->between);
    from = max_size(from, range->start + range->bytes);
  }
  if (from < area->end) add_range(book, from, area->end - from, &book->between);
}

static void measure_area(struct book *book, const struct smaps_area *area, size_t *at) {
  const struct range *range = &book->range[*at];
  const struct range *end = &book->range[book->ranges];
  while (range < end && range->start + range->bytes <= area->start) range++;
  *at = (size_t)(range - book->range);
  if (range == end || range->start >= area->end) {
    book->line[HAK_NOT_OURS].resident += area->resident;
    return;
  }
  measure_between(book, area, *at);
  book->kernel_mixed += area->resident;
  book->huge_pages += area->huge_pages;
  book->lazy_free += area->lazy_free;
}

static void measure_areas(struct book *book) {
  struct smaps_area area;
  size_t at = 0;
  book->has_smaps = smaps_open(&book->smaps);
  if (!book->has_smaps) return;
  while (smaps_next(&book->smaps, &area)) measure_area(book, &area, &at);
  book->has_smaps = !book->smaps.lines.failed && book->pages.fd >= 0; /* or it would not add up */
  smaps_close(&book->smaps);
}

/* The kernel is asked for its sum last: in a forked child the walk itself brings pages of libraries
 * in. What the book came to by then is not in it. */
void book_measure(struct book *book) {
  uint64_t kernel;
  measure_ours(book);
  measure_areas(book);
  kernel = os_resident_bytes();
  book->scratch = (struct amount){0, 0, 0};
  add_range(book, (uintptr_t)book, book->bytes, &book->scratch);
  book->kernel = kernel - min_size(book->scratch.resident, kernel);
}
