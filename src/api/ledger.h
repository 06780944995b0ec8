/* ledger - every resident byte, by what it is for.
 *
 * Owns:     the memory of one drawing-up, between book_open and book_close.
 * Promise:  each resident page is looked up, and its bytes are split among the blocks in it. The
 *           kernel's own count is not used for what is ours, so that the two can be compared.
 * Threads:  any. Copies what it needs under the locks and makes its system calls without them: what
 *           comes and goes meanwhile is missed or found gone. No malloc, no stdio. errno is kept.
 * Cost:     a walk over slabs and threads, and over the page tables by the kernel, twice.
 * Refuses:  book_open, when the system has no memory for it.
 * Inverse:  book_open / book_close.
 */
#ifndef API_LEDGER_H
#define API_LEDGER_H

#include "hakmem.h"
#include "os/pages.h"
#include "os/smaps.h"
#include "super/superslab.h"

struct amount {
  uint64_t bytes;
  uint64_t resident;
  uint64_t shared; /* of the resident ones: perhaps only the kernel's page of zeros */
};

enum range_kind {
  RANGE_SUPER,
  RANGE_HUGE,
  RANGE_HUGE_CACHED,
  RANGE_CHUNK, /* of descriptors */
  RANGE_LEAF,
  RANGE_LIBRARY,
  RANGE_CHECKS,
  RANGE_SCRATCH, /* the book itself: no line has it */
  RANGE_THREAD,  /* inside a chunk */
};

struct range {
  uint64_t start; /* first: they are sorted by it */
  uint64_t bytes;
  enum range_kind kind;
  struct superslab *super;
  uint64_t free;  /* units, when the range was written down */
  uint64_t dirty; /* units */
};

struct class_book {
  uint64_t slabs;
  uint64_t live;
  uint64_t free;
  uint64_t cached;
  uint64_t outbox;
  struct amount held; /* the live blocks */
};

enum { IN_OUTBOX = 1 }; /* in the address of a block, a multiple of 16 */

struct book {
  size_t bytes; /* of this mapping */
  struct pages pages;
  struct smaps smaps;
  struct amount line[HAK_LEDGER_ROWS];
  struct class_book class[CLASSES];
  struct range *range; /* behind the book */
  size_t ranges;
  size_t ranges_room;
  uint64_t *cached; /* behind the ranges: blocks in magazines and outboxes, sorted */
  size_t cached_blocks;
  size_t cached_room;
  uint64_t unused; /* bytes of live blocks that nobody asked for, where validation is on */
  struct amount scratch;
  struct amount between; /* in mappings that are partly ours, what is not */
  uint64_t kernel_mixed; /* bytes that the kernel counts as resident in such mappings */
  uint64_t kernel;       /* bytes that it counts in all, without the scratch */
  uint64_t huge_pages;
  uint64_t lazy_free;
  bool has_smaps;
};

/* ledger_gather: what there is. */
struct book *book_open(void); /* NULL when the system refuses the memory */
void book_close(struct book *book);

/* ledger_walk: what of it is resident, and for what. */
void book_measure(struct book *book);

/* ledger_text: as a table and as JSON. Returns 0 or the errno of a write that failed. */
int ledger_print_classes(const struct hak_ledger_figures *ledger, int fd);
int ledger_print_text(const struct hak_ledger_figures *ledger, int fd);
int ledger_print_json(const struct hak_ledger_figures *ledger, int fd);

#endif
