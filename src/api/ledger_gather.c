/* What the ledger looks at: ranges of address space, and the addresses of cached blocks. */
#include "api/ledger.h"
#include "base/sort.h"
#include "diag/counter.h"
#include "front/thread.h"
#include "os/map.h"
#include "os/process.h"
#include "pool/huge.h"
#include "pool/keep.h"
#include "super/meta.h"

enum { SPARE_RANGES = 64, CACHED_HUGE_MOST = 2 * HUGE_KEPT };

static void put_range(struct book *book, const struct range *range) {
  if (book->ranges < book->ranges_room) book->range[book->ranges++] = *range;
}

static void put_plain(struct book *book, enum range_kind kind, const void *start, size_t bytes) {
  struct range range = {(uintptr_t)start, bytes, kind, NULL, 0, 0};
  put_range(book, &range);
}

/* --- how much room the lists need --- */

static size_t cached_by(const struct thread *t) {
  size_t n = min_size(ld_rlx(&t->out_blocks), OUTBOX_MAX);
  for (unsigned class = 1; class < CLASSES; class++) {
    n += thread_cached(t, class);
  }
  return n;
}

static void count_threads(size_t *threads, size_t *cached) {
  *threads = *cached = 0;
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    ++*threads;
    *cached += cached_by(LINK_OWNER(link, struct thread, all));
  }
  thread_unlock();
}

/* More than there are now: other threads go on. What finds no room is counted with its
 * surroundings. */
static size_t room_for_ranges(size_t threads) {
  size_t supers = count_left(CNT_SUPER_MAPPED, CNT_SUPER_UNMAPPED);
  size_t huge = count_left(CNT_HUGE_MAPPED, CNT_HUGE_UNMAPPED);
  size_t n = 2 * supers + huge + threads + map_leaf_bytes() / sizeof(struct leaf);
  for (const struct meta_chunk *c = meta_chunks(); c; c = c->next) n++;
  return n + n / 8 + SPARE_RANGES;
}

/* --- what there is --- */

static void gather_supers(struct book *book) {
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    struct superslab *super = LINK_OWNER(link, struct superslab, all);
    struct range range = {(uintptr_t)super->base, SUPER_SIZE,  RANGE_SUPER,
                          super,                  super->free, super->dirty};
    uint8_t *states = ld_acq(&super->states); /* pairs: table_of in front/validate.c */
    put_range(book, &range);
    if (states) put_plain(book, RANGE_CHECKS, states, STATES_BYTES);
  }
  super_unlock();
}

/* Of the addresses from BASE on. */
static void gather_leaf(struct book *book, const struct leaf *leaf, char *base) {
  put_plain(book, RANGE_LEAF, leaf, sizeof *leaf);
  for (size_t i = 0; i < LEAF_SUPERS; i++, base += SUPER_SIZE) {
    size_t bytes = huge_peek(base);
    if (bytes) put_plain(book, RANGE_HUGE, base, bytes);
  }
}

static void gather_leaves(struct book *book) {
  const struct leaf *leaf;
  for (unsigned i = 0; (leaf = map_next(&i));)
    gather_leaf(book, leaf, (char *)((uintptr_t)(i - 1) << LEAF_SHIFT));
}

static void gather_cached_huge(struct book *book) {
  struct huge_range some[CACHED_HUGE_MOST];
  unsigned n = keep_ranges(some, CACHED_HUGE_MOST);
  for (unsigned i = 0; i < n; i++)
    put_plain(book, RANGE_HUGE_CACHED, some[i].base, some[i].bytes);
}

/* In a program that was linked with the static library only the slab map can be told from the
 * program's own variables. */
static void gather_library(struct book *book) {
  size_t page = (size_t)1 << book->pages.shift;
  uintptr_t start = (uintptr_t)&slab_map;
  size_t bytes = sizeof slab_map;
  uintptr_t end;
  os_object_data(&slab_map, &start, &bytes);
  end = round_up(start + bytes, page);
  start &= ~(uintptr_t)(page - 1);
  put_plain(book, RANGE_LIBRARY, (void *)start, end - start);
}

static void put_cached(struct book *book, const void *p, unsigned mark) {
  if (p && book->cached_blocks < book->cached_room)
    book->cached[book->cached_blocks++] = (uintptr_t)p | mark;
}

/* A running thread's slots change under our eyes: an address that is stale by now is not looked
 * up, only compared. */
static void gather_thread(struct book *book, struct thread *t) {
  unsigned out = (unsigned)min_size(ld_rlx(&t->out_blocks), OUTBOX_MAX);
  put_plain(book, RANGE_THREAD, t, thread_bytes());
  for (unsigned class = 1; class < CLASSES; class++) {
    void **base = ld_rlx(&t->cell[class].base);
    unsigned n = thread_slots(t, class);
    for (unsigned i = 0; i < n; i++) put_cached(book, ld_rlx(&base[i]), 0);
  }
  for (unsigned i = 0; i < out; i++) put_cached(book, ld_rlx(&t->out[i]), IN_OUTBOX);
}

static void gather_threads(struct book *book) {
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    gather_thread(book, LINK_OWNER(link, struct thread, all));
  }
  thread_unlock();
}

static void gather(struct book *book) {
  gather_supers(book);
  gather_cached_huge(book);
  gather_leaves(book);
  for (const struct meta_chunk *c = meta_chunks(); c; c = c->next)
    put_plain(book, RANGE_CHUNK, c, c->bytes);
  gather_library(book);
  gather_threads(book);
  put_plain(book, RANGE_SCRATCH, book, book->bytes);
  sort_records(book->range, book->ranges, sizeof *book->range);
  sort_records(book->cached, book->cached_blocks, sizeof *book->cached);
}

struct book *book_open(void) {
  size_t threads, cached, ranges, bytes;
  struct book *book;
  int error;
  count_threads(&threads, &cached);
  ranges = room_for_ranges(threads);
  cached += cached / 4 + 4096;
  bytes = sizeof *book + ranges * sizeof(struct range) + cached * sizeof(uint64_t);
  bytes = round_up(bytes, os_page_size());
  book = os_map(bytes, &error);
  if (!book) return NULL;
  book->bytes = bytes;
  book->range = (struct range *)(void *)(book + 1);
  book->ranges_room = ranges;
  book->cached = (uint64_t *)(void *)(book->range + ranges);
  book->cached_room = cached;
  pages_open(&book->pages);
  gather(book);
  return book;
}

void book_close(struct book *book) {
  pages_close(&book->pages);
  os_discard(book, book->bytes);
}
