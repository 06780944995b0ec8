#include "api/stats.h"

#include <errno.h>
#include <string.h>

#include "api/ledger.h"
#include "base/text.h"
#include "diag/failure.h"
#include "diag/option.h"
#include "front/front.h"
#include "front/start.h"
#include "hakmem.h"
#include "os/process.h"

/* --- collect --- */

static void add_slab(struct heap_stats *s, const struct slab *slab) {
  uint32_t state = ld_rlx(&slab->state);
  struct class_stats *c = &s->class[slab_class(state)];
  int32_t free = slab_count(state);
  c->slabs++;
  c->capacity += class_table[slab_class(state)].blocks;
  c->free += free > 0 ? (uint64_t)free : 0;
}

static void add_super(struct heap_stats *s, struct superslab *super) {
  s->supers++;
  for (uint64_t held = ~super->free; held; held &= held - 1) {
    unsigned unit = bit_lowest(held);
    unsigned code = map_tag(unit_address(super, unit)) & TAG_CODE_MASK;
    if (code && code < CODES && ld_rlx(&super->head[unit]) == unit)
      add_slab(s, slab_at(super, unit));
  }
}

/* An address that is stale by now has the class that its unit has now, or none. */
static void add_outbox(struct heap_stats *s, const struct thread *t) {
  unsigned n = (unsigned)min_size(ld_rlx(&t->out_blocks), OUTBOX_MAX);
  for (unsigned i = 0; i < n; i++) {
    unsigned code = map_tag(ld_rlx(&t->out[i])) & TAG_CODE_MASK;
    if (code < CODES) s->class[code / 2].cached++;
  }
}

static void add_thread(struct heap_stats *s, const struct thread *t) {
  add_outbox(s, t);
  for (unsigned class = 1; class < CLASSES; class++) {
    s->class[class].cached += thread_cached(t, class);
  }
}

void stats_collect(struct heap_stats *s) {
  memset(s, 0, sizeof *s);
  super_lock();
  LIST_EACH(link, super_all_locked()) {
    add_super(s, LINK_OWNER(link, struct superslab, all));
  }
  super_unlock();
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    add_thread(s, LINK_OWNER(link, struct thread, all));
  }
  thread_unlock();
  for (unsigned class = 1; class < CLASSES; class++) {
    struct class_stats *c = &s->class[class];
    uint64_t idle = c->free + c->cached;
    c->live = c->capacity > idle ? c->capacity - idle : 0;
    s->live_bytes += c->live * class_size(class);
    s->free_bytes += idle * class_size(class);
  }
  s->live_bytes += count_read(CNT_RUN_BYTES) + count_read(CNT_HUGE_BYTES);
  s->mapped_bytes = count_read(CNT_SUPER_BYTES) + count_read(CNT_META_BYTES) + map_leaf_bytes();
}

/* --- one by name --- */

enum { HEAP_RESIDENT = 3, HEAP_NULLS = 5, HEAP_FIGURES };

static const struct counter_row heap_table[HEAP_FIGURES] = {
    {"heap.live_bytes", "bytes", "blocks in use, by class size"},
    {"heap.free_bytes", "bytes", "free in slabs, or cached by threads"},
    {"heap.mapped_bytes", "bytes", "address space in all"},
    {"heap.resident_bytes", "bytes", "of the whole process, now"},
    {"heap.superslabs", "superslabs", "of 4 MiB, now"},
    {"heap.nulls", "requests", "that ended in NULL; why, the lines of failures say"},
};

static uint64_t heap_figure(const struct heap_stats *s, unsigned i) {
  if (i == HEAP_RESIDENT) return os_resident_bytes();
  if (i == HEAP_NULLS) return failure_nulls();
  return (uint64_t[]){s->live_bytes, s->free_bytes, s->mapped_bytes, 0, s->supers}[i];
}

/* NAME without WORD, or NULL where it does not begin so. */
static const char *after(const char *name, const char *word) {
  return name && text_begins(name, word) ? name + strlen(word) : NULL;
}

static bool failures_find(const char *name, uint64_t *value) {
  for (unsigned reason = 0; reason < REASONS; reason++) {
    const char *tail = after(after(after(name, "failures."), reason_names[reason]), ".");
    for (unsigned tier = 0; tail && tier < TIERS; tier++) {
      if (!text_same(tail, tier_names[tier])) continue;
      *value = failure_count(reason, tier);
      return true;
    }
  }
  return false;
}

bool stats_find(const char *name, uint64_t *value) {
  struct heap_stats s;
  if (counter_find(name, value) || failures_find(name, value)) return true;
  for (unsigned i = 0; i < HEAP_FIGURES; i++) {
    if (!text_same(name, heap_table[i].name)) continue;
    stats_collect(&s);
    *value = heap_figure(&s, i);
    return true;
  }
  return false;
}

/* --- print --- */

static void put_line(struct text *t, const char *name, uint64_t n, const char *unit,
                     const char *doc) {
  size_t start = t->used;
  text_str(t, name);
  text_pad(t, start, 26);
  text_u64_right(t, n, 16);
  text_str(t, "  ");
  text_str(t, unit);
  text_pad(t, start, 56);
  text_str(t, doc);
  text_str(t, "\n");
  text_flush(t);
}

static void put_row(struct text *t, const struct counter_row *row, uint64_t n) {
  put_line(t, row->name, n, row->unit, row->doc);
}

static void print_classes(struct text *t, const struct heap_stats *s) {
  text_str(t, "  class     size    slabs       live     cached       free   capacity\n");
  for (unsigned class = 1; class < CLASSES; class++) {
    const struct class_stats *c = &s->class[class];
    if (!c->slabs) continue;
    text_u64_right(t, class, 7);
    text_u64_right(t, class_size(class), 9);
    text_u64_right(t, c->slabs, 9);
    text_u64_right(t, c->live, 11);
    text_u64_right(t, c->cached, 11);
    text_u64_right(t, c->free, 11);
    text_u64_right(t, c->capacity, 11);
    text_str(t, "\n");
    text_flush(t);
  }
}

static void print_failures(struct text *t) {
  for (unsigned reason = 0; reason < REASONS; reason++) {
    for (unsigned tier = 0; tier < TIERS; tier++) {
      size_t start = t->used;
      uint64_t n = failure_count(reason, tier);
      if (!n) continue;
      text_str(t, "failures.");
      text_str(t, reason_names[reason]);
      text_str(t, ".");
      text_str(t, tier_names[tier]);
      text_pad(t, start, 26);
      text_u64_right(t, n, 16);
      text_str(t, "  requests\n");
      text_flush(t);
    }
  }
}

static void put_shared(struct text *t, const char *name, const struct shared_row *row) {
  if (!row->writes) return;
  text_str(t, name);
  text_hex(t, row->offset);
  text_u64_right(t, row->writes, 16);
  text_u64_right(t, row->moves, 16);
  text_str(t, "\n");
  text_flush(t);
}

/* By place in the code and by line of the library's data: each an offset in the library, its writes
 * and those of them that found another thread's. */
static void print_shared(struct text *t) {
  struct shared_row row;
  for (unsigned i = 0; i < SHARED_SUMS; i++)
    put_line(t, shared_names[i], shared_read(i), "events", "");
  for (unsigned i = 0; shared_place(i, &row); i++) put_shared(t, "scaling.place ", &row);
  for (unsigned i = 0; shared_line(i, &row); i++) put_shared(t, "scaling.line ", &row);
  for (unsigned i = 0; shared_lock(i, &row); i++) put_shared(t, "scaling.lock ", &row);
}

static void put_who(struct text *t) {
  char name[16];
  os_program_name(name);
  text_field(t, "hakmem " HAKMEM_VERSION ": pid ", os_process_id());
  text_str(t, " ");
  text_str(t, name);
}

/* A system without memory for it is no reason to fail: the statistics are told. */
static int print_ledger(int fd) {
  struct hak_ledger_figures ledger;
  int saved = errno;
  int error = hak_ledger(&ledger) == 0 ? ledger_print_text(&ledger, fd) : 0;
  errno = saved;
  return error;
}

int stats_print(int fd) {
  struct heap_stats s;
  struct text t;
  thread_self(); /* the options that are shown are in force from here on, if not before */
  text_start(&t, fd);
  stats_collect(&s);
  put_who(&t);
  text_str(&t, start_libc_from() ? ", backend: shared pool" : ", backend: libc");
  text_field(&t, ", mode ", option(OPT_TINY_SS_SHARED));
  text_str(&t, "\n");
  print_classes(&t, &s);
  for (unsigned i = 0; i < HEAP_FIGURES; i++) put_row(&t, &heap_table[i], heap_figure(&s, i));
  for (unsigned i = 0; i < COUNTERS; i++) put_row(&t, &counter_table[i], count_read(i));
  for (unsigned i = 0; i < TALLIES; i++) put_row(&t, &tally_table[i], tally_read(i));
  print_failures(&t);
  if (COUNT_SHARED) print_shared(&t);
  return t.error ? t.error : print_ledger(fd);
}

void stats_banner(int fd) {
  struct text t;
  text_start(&t, fd);
  put_who(&t);
  text_field(&t, ", mode ", option(OPT_TINY_SS_SHARED));
  for (unsigned i = 0; i < OPTIONS; i++) {
    if (option(i) == option_table[i].standard) continue;
    text_str(&t, " ");
    text_str(&t, option_table[i].name);
    text_str(&t, "=");
    option_format(&t, i);
  }
  text_str(&t, "\n");
  text_flush(&t);
}
