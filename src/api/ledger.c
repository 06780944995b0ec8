#include "api/ledger.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "diag/option.h"
#include "os/process.h"
#include "slab/class.h"

_Static_assert(HAK_LEDGER_CLASSES == CLASSES - 1, "the header has room for every class");

static const struct {
  const char *name;
  const char *shrink;
} words[HAK_LEDGER_ROWS] = {
    [HAK_LIVE_SLABS] = {"live.slabs", "the program frees them"},
    [HAK_LIVE_RUNS] = {"live.runs", "the program frees or shrinks them"},
    [HAK_LIVE_HUGE] = {"live.huge", "the program frees or shrinks them"},
    [HAK_FREE_BLOCKS] = {"free.blocks", "malloc_trim where whole pages are free; else fewer holes"},
    [HAK_SLAB_TAILS] = {"free.tails", "as free.blocks"},
    [HAK_CACHED] = {"cached.magazines", "malloc_trim, by any thread; their threads' ends"},
    [HAK_OUTBOXES] = {"cached.outboxes", "malloc_trim, by any thread; their threads' ends"},
    [HAK_RETAINED_UNITS] = {"retained.units", "malloc_trim, or a lower HAKMEM_RETAIN"},
    [HAK_RETAINED_HUGE] = {"retained.huge", "malloc_trim, or a lower HAKMEM_RETAIN"},
    [HAK_META_DESCRIPTORS] = {"meta.descriptors", "malloc_trim, where superslabs were given back"},
    [HAK_META_THREADS] = {"meta.threads", "fewer threads at a time"},
    [HAK_META_MAP] = {"meta.map", "nothing: it grows with the addresses that were ever used"},
    [HAK_META_VARIABLES] = {"meta.variables", "nothing"},
    [HAK_META_CHECKS] = {"meta.checks", "HAKMEM_TINY_SLL_VALIDATE_HDR=0"},
    [HAK_HUGE_PAGE_EXCESS] = {"huge_page_excess", "HAKMEM_THP=never"},
    [HAK_LAZY] = {"lazily_freed", "the kernel, when it needs memory"},
    [HAK_NOT_OURS] = {"not_ours", "not hakmem: program, libraries, stacks, other mappings"},
};

/* How much of the pages that are shared or the kernel's zeros counts as resident: PART of WHOLE. */
struct proportion {
  uint64_t part;
  uint64_t whole;
};

static void sum_up(const struct amount *a, uint64_t *alone, uint64_t *shared) {
  *alone += a->resident - a->shared;
  *shared += a->shared;
}

/* The page tables do not tell a page that a forked process or a file has too, which is resident,
 * from the page of zeros, which is not. The kernel counts the first kind alone: where it counts no
 * more than the pages that are surely resident, all others are zeros; where it counts all, none is.
 * Where both occur, the lines share what it counts. */
static struct proportion judge_shared(const struct book *book) {
  uint64_t alone = 0, shared = 0, rest;
  for (int i = 0; i < HAK_LEDGER_ROWS; i++)
    if (i != HAK_NOT_OURS) sum_up(&book->line[i], &alone, &shared);
  sum_up(&book->scratch, &alone, &shared);
  sum_up(&book->between, &alone, &shared);
  rest = book->kernel_mixed > alone ? book->kernel_mixed - alone : 0;
  if (!book->has_smaps) rest = shared;
  return (struct proportion){min_size(rest, shared), shared};
}

static uint64_t resident_of(const struct amount *a, struct proportion p) {
  uint64_t alone = a->resident - a->shared;
  if (p.part == p.whole) return a->resident;
  return alone + (uint64_t)((double)a->shared * (double)p.part / (double)p.whole);
}

/* What clean units have resident came by huge pages, or has not gone yet. */
static void split_excess(struct book *book) {
  struct amount *excess = &book->line[HAK_HUGE_PAGE_EXCESS];
  struct amount *lazy = &book->line[HAK_LAZY];
  lazy->resident = min_size(book->lazy_free, excess->resident - excess->shared);
  excess->resident -= lazy->resident;
}

static void publish_lines(struct hak_ledger_figures *out, const struct book *book,
                          struct proportion p) {
  uint64_t ours = 0;
  for (int i = 0; i < HAK_LEDGER_ROWS; i++) {
    uint64_t resident = resident_of(&book->line[i], p);
    out->line[i] =
        (struct hak_ledger_line){words[i].name, words[i].shrink, book->line[i].bytes, resident};
    if (i != HAK_NOT_OURS) ours += resident;
  }
  if (book->has_smaps)
    out->line[HAK_NOT_OURS].resident += resident_of(&book->between, p);
  else
    out->line[HAK_NOT_OURS].resident = out->kernel_resident - min_size(ours, out->kernel_resident);
  for (int i = HAK_HUGE_PAGE_EXCESS; i < HAK_LEDGER_ROWS; i++)
    out->line[i].bytes = out->line[i].resident;
  for (int i = 0; i < HAK_LEDGER_ROWS; i++) {
    out->bytes += out->line[i].bytes;
    out->resident += out->line[i].resident;
  }
  out->not_resident = out->bytes - out->resident;
}

static void publish_classes(struct hak_ledger_figures *out, const struct book *book,
                            struct proportion p) {
  for (unsigned class = 1; class < CLASSES; class++) {
    const struct class_book *c = &book->class[class];
    out->classes[class - 1] = (struct hak_ledger_class){
        class_size(class), c->slabs,  c->live,
        c->free,           c->cached, c->outbox,
        resident_of(&c->held, p),
    };
  }
}

/* Once more where the walk itself brought pages in, as it does first in a forked child. */
static struct book *measured(void) {
  struct book *book = book_open();
  uint64_t before = os_resident_bytes();
  if (book) book_measure(book);
  if (!book || book->kernel <= before + before / 256) return book;
  book_close(book);
  book = book_open();
  if (book) book_measure(book);
  return book;
}

EXPORT int hak_ledger(struct hak_ledger_figures *ledger) {
  struct book *book = measured();
  struct proportion shared;
  if (!book) {
    errno = ENOMEM;
    return -1;
  }
  memset(ledger, 0, sizeof *ledger);
  shared = judge_shared(book);
  split_excess(book);
  ledger->kernel_resident = book->kernel;
  ledger->huge_pages = book->huge_pages;
  ledger->source = book->has_smaps;
  publish_lines(ledger, book, shared);
  publish_classes(ledger, book, shared);
  if (option(OPT_VALIDATE)) ledger->asked = ledger->line[HAK_LIVE_SLABS].bytes - book->unused;
  book_close(book);
  return 0;
}

EXPORT int hak_ledger_print(int fd, enum hak_ledger_format format) {
  struct hak_ledger_figures ledger;
  int error;
  if (fd < 0 || (format != HAK_LEDGER_TEXT && format != HAK_LEDGER_JSON)) {
    errno = fd < 0 ? EBADF : EINVAL;
    return -1;
  }
  if (hak_ledger(&ledger) != 0) return -1;
  if (format == HAK_LEDGER_JSON) {
    error = ledger_print_json(&ledger, fd);
  } else {
    error = ledger_print_classes(&ledger, fd);
    if (!error) error = ledger_print_text(&ledger, fd);
  }
  if (error) errno = error;
  return error ? -1 : 0;
}
