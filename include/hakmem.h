/* hakmem - what libc's allocator interface lacks.
 *
 * Every function here may be called from any thread, also in a forked child. A signal handler may
 * call hak_owns, hak_failures, hak_option_get, and hak_counter for figures outside "heap.", once
 * the program has allocated; the others take locks that the interrupted thread may hold. None of
 * them changes errno unless its comment says so.
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HAKMEM_VERSION "0.1.0"

/* Walks the whole state of the allocator and compares it with its invariants.
 *
 * Returns the number of invariants that do not hold, 0 when all do; each violation is one line on
 * stderr. Exact while no other thread allocates or frees; with others running, what does not hold
 * is looked at again, up to four times, 20 ms apart, and told if it still does not: so a thread
 * that was just at work is not taken for a violation. Cost: a walk over every slab.
 */
int hak_check(void);

/* Tells whether hakmem would take P as its own in free.
 *
 * P: any address, NULL included. Returns 1 when it lies in a slab (blocks of up to 256 KiB), or in
 * the first 64 KiB of a larger block that is live; else 0.
 */
int hak_owns(const void *p);

/* Reads one figure of the statistics by its name, such as "super.mapped", "heap.live_bytes" or
 * "failures.mapfail.huge" (HAKMEM_SHOW_STATS=1 lists them all).
 *
 * NAME, VALUE: not NULL. VALUE receives events, bytes or things, as the row in the statistics says.
 * Figures of "heap." walk all slabs and threads, under a lock; some of "front." add up a word of
 * each thread that ever was; the others are one load each.
 * Returns 0, or -1 when no figure has this name (VALUE is then left alone).
 */
int hak_counter(const char *name, uint64_t *value);

/* Writes the statistics, as HAKMEM_SHOW_STATS=1 does at exit, as text to the descriptor FD.
 *
 * Uses neither malloc nor stdio. Returns 0, or -1 with errno set by write(2).
 */
int hak_stats_print(int fd);

/* The ledger: every resident byte of the process, by what it is for. */
enum hak_ledger_row {
  HAK_LIVE_SLABS,       /* blocks of up to 256 KiB that the program holds, by class size */
  HAK_LIVE_RUNS,        /* blocks of up to 2 MiB that it holds */
  HAK_LIVE_HUGE,        /* larger ones */
  HAK_FREE_BLOCKS,      /* free blocks of slabs that are in use */
  HAK_SLAB_TAILS,       /* ends of slabs, too short for a block */
  HAK_CACHED,           /* free blocks in threads' magazines */
  HAK_OUTBOXES,         /* freed blocks on their way to other threads' slabs */
  HAK_RETAINED_UNITS,   /* units of 64 KiB that are free and kept */
  HAK_RETAINED_HUGE,    /* huge mappings that are free and kept */
  HAK_META_DESCRIPTORS, /* of superslabs, slabs and huge mappings, with the slabs' bitmaps */
  HAK_META_THREADS,     /* the threads' magazines and counters themselves */
  HAK_META_MAP,         /* the slab map's leaves */
  HAK_META_VARIABLES,   /* the library's own variables, with the slab map's root */
  HAK_META_CHECKS,      /* validation's tables */
  HAK_HUGE_PAGE_EXCESS, /* resident though nobody touched it: huge pages bring their neighbours */
  HAK_LAZY,             /* given back, but not taken yet by the kernel (MADV_FREE) */
  HAK_NOT_OURS,         /* program, libraries, stacks, mappings of others */
  HAK_LEDGER_ROWS
};

struct hak_ledger_line {
  const char *name;   /* such as "live.slabs" */
  const char *shrink; /* what would make it smaller */
  uint64_t bytes;     /* that it holds, resident or not; of what is not ours the resident ones */
  uint64_t resident;  /* bytes of them that are resident */
};

enum { HAK_LEDGER_CLASSES = 64 };

struct hak_ledger_class {
  uint64_t size;     /* bytes of a block */
  uint64_t slabs;
  uint64_t live;     /* blocks */
  uint64_t free;     /* blocks in slabs */
  uint64_t cached;   /* blocks in magazines */
  uint64_t outbox;   /* blocks in outboxes */
  uint64_t resident; /* bytes of the live blocks */
};

struct hak_ledger_figures {
  struct hak_ledger_line line[HAK_LEDGER_ROWS];
  struct hak_ledger_class classes[HAK_LEDGER_CLASSES]; /* all, by size */
  uint64_t bytes;           /* sum of the lines' bytes */
  uint64_t not_resident;    /* of these: never touched, or given back */
  uint64_t resident;        /* sum of the lines' resident bytes: bytes - not_resident */
  uint64_t kernel_resident; /* VmRSS, to compare: the same within 1 % */
  uint64_t huge_pages;      /* bytes in huge pages (AnonHugePages) of mappings with hakmem's */
  uint64_t asked;           /* bytes asked for, of live.slabs; 0: HAKMEM_TINY_SLL_VALIDATE_HDR is 0
                               and nobody knows. A block given before it was 1 counts whole */
  int source; /* 1: residence from /proc/self/pagemap and smaps. 0: where these are not to be read,
                 from mincore(2), and what is not ours is the rest of VmRSS */
};

/* Draws the ledger up.
 *
 * LEDGER: receives it. Residence is looked up page by page; a page that blocks of several kinds
 * share is split by their bytes. Returns 0, or -1 with errno ENOMEM when the system has no memory
 * for the work (some 50 KiB, 108 bytes per superslab, 10 per cached block), which is given back.
 * Other threads go on meanwhile: each figure is then of some instant during the call. Cost: a walk
 * over all slabs, and two by the kernel over the page tables, as reading /proc/self/smaps: some
 * milliseconds per GiB of small blocks.
 */
int hak_ledger(struct hak_ledger_figures *ledger);

enum hak_ledger_format { HAK_LEDGER_TEXT, HAK_LEDGER_JSON };

/* Draws the ledger up and writes it to the descriptor FD, as a table or as one JSON object.
 *
 * Uses neither malloc nor stdio. Returns 0, or -1 with errno of write(2), ENOMEM as hak_ledger, or
 * EINVAL for another FORMAT.
 */
int hak_ledger_print(int fd, enum hak_ledger_format format);

/* Gives unused memory back to the system, keeping about KEEP bytes of it for reuse.
 *
 * Free pages inside slabs that no thread allocates from are given back too.
 *
 * KEEP: bytes. First flushes the calling thread's cached blocks, and takes those that other threads
 *       cache, also where they sleep, but for one block each of the sizes up to 1 KiB; that needs
 *       membarrier(2), of Linux 4.14. Returns the number of bytes given back.
 */
size_t hak_trim(size_t keep);

/* Reads an option by its name, with or without the prefix "HAKMEM_".
 *
 * NAME: not NULL. BUFFER receives the value in force as text, always terminated; it may be NULL
 * where SIZE, the bytes in BUFFER, is 0.
 * Returns the length of the whole value in bytes, or -1 when no option has this name.
 */
int hak_option_get(const char *name, char *buffer, size_t size);

/* Sets an option that may change in a running process. NAME and VALUE: not NULL.
 *
 * Returns 0; -1 when no option has this name, -2 when VALUE is not one it accepts, -3 when it
 * is only read at start. The option then keeps its value; after -2 a line on stderr says why.
 */
int hak_option_set(const char *name, const char *value);

/* Why a request was refused, in full or on one of its routes. */
struct hak_failure {
  uint64_t time;        /* nanoseconds of CLOCK_MONOTONIC */
  uint64_t size;        /* bytes asked for */
  uint64_t align;       /* bytes */
  uint64_t class_size;  /* bytes of the size class that was refused; 0: none was */
  uint64_t bytes;       /* bytes of address space that were to be had, with what they need */
  uint64_t limit;       /* value of the limit that the verdict names */
  uint64_t use;         /* how much of it was in use */
  uint32_t thread;      /* as gettid(2) */
  int error;            /* errno of the system; 0: it was not asked */
  const char *reason;   /* "threshold", "exhaustion", "mapfail", "overflow" */
  const char *tier;     /* "tiny" to 1 KiB, "mid" to 32 KiB, "large" to 2 MiB, "huge" */
  const char *next;     /* where the request went: "run", "mapping"; "none": NULL was returned */
  const char *verdict;  /* the limit that was hit, such as "RLIMIT_AS"; "none": not known. With
                           DEPTH 0 it is that of the last refusal of this cause that was looked
                           into, LIMIT and USE are, too: the limit may have changed since */
  unsigned depth;       /* return addresses in CALLERS */
  uint64_t callers[16]; /* from the inside out */
};

/* Copies the last refusals, the newest first.
 *
 * OUT: room for N; at most 256 are kept. Returns how many were copied. Repetitions of one cause are
 * looked into, and carry callers, only where a line is due: the first ten, then each power of two.
 */
unsigned hak_failures(struct hak_failure *out, unsigned n);

#ifdef __cplusplus
}
#endif
#endif
