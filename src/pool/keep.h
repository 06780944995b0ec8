/* keep - freed huge mappings, for those to come.
 *
 * Owns:     two lists of mappings: those whose start may be resident, and those without pages.
 * Promise:  what may be resident counts as retained; address space alone costs no memory, and is
 *           bounded by number and size. A mapping serves a smaller block too; the pages behind it
 *           stay a mapping of their own where they are worth one, or go.
 * Threads:  any; one lock, never held across a system call.
 * Cost:     a walk over at most 64 mappings; a system call where pages go.
 * Refuses:  keep_take, when no mapping fits. What the system will not take back stays kept.
 * Inverse:  keep_take / keep_put.
 * Dials:    HAKMEM_PURGE.   Gauges: pool.huge_reused, pool.huge_unmapped.
 */
#ifndef POOL_KEEP_H
#define POOL_KEEP_H

#include "base/list.h"
#include "super/superslab.h"

struct huge {
  char *base;       /* [const] while live */
  size_t mapped;    /* [holder] bytes of address space, a multiple of the page size */
  size_t used;      /* [holder] of these the block's, while live; relaxed, read by the ledger */
  size_t filled;    /* [holder] of these, from the start, may not be zero, while kept */
  size_t dirty;     /* [holder] of these, from the start, may be resident, when kept or taken */
  bool huge_pages;  /* [holder] the system was asked for huge pages, for this mapping alone */
  uint64_t since;   /* [lock keep] ms; when it was kept, or lost its last page */
  struct link link; /* [lock keep] in one of the lists, or in that of spare descriptors */
};

/* Descriptors without a mapping. */
struct huge *keep_descriptor(int *error);
void keep_descriptor_give(struct huge *huge);

/* A kept mapping for BYTES at a multiple of ALIGN, with pages or without, or NULL. Its `used` is at
 * least BYTES. */
struct huge *keep_take(size_t bytes, size_t align, bool dirty);

/* The mapping of less than BYTES with the most pages, if they are worth it, or NULL. */
struct huge *keep_take_smaller(size_t bytes);

/* Makes a mapping that was taken zero, of which only what is resident stays so. Returns whether it
 * is. */
bool keep_zero(struct huge *huge);

/* Keeps a mapping whose `filled` and `dirty` are known. */
void keep_put(struct huge *huge);

/* Gives a mapping that is in no list back. Returns its bytes; 0 when the system refused and it is
 * kept. */
size_t keep_unmap(struct huge *huge);

/* When the oldest mapping that may have pages was kept, in ms; UINT64_MAX: there is none. */
uint64_t keep_coldest(void);

/* Purges the oldest mapping that may have pages by up to EXCESS bytes, or gives it back where the
 * system refuses to. Returns the bytes. */
size_t keep_purge(size_t excess);

/* Gives back what is beyond the bounds of number and address space. */
void keep_within_bounds(void);

/* Gives kept mappings back, those without pages first, until at most DIRTY bytes may be resident
 * and nothing else is kept. Returns the bytes. */
size_t keep_drop(size_t dirty);

/* Gives mappings back that were kept at the time BY or before, until BATCH bytes are done. */
size_t keep_drop_aged(uint64_t by, size_t batch);

struct huge_range {
  char *base;
  size_t bytes;
};

size_t keep_mapped(void); /* bytes of their address space */

/* Copies up to MOST of the kept mappings to OUT. Returns how many. */
unsigned keep_ranges(struct huge_range *out, unsigned most);

void keep_fork_take(void); /* before fork: keeps other threads out; inverse: keep_fork_drop */
void keep_fork_drop(void);
void keep_fork_child(void); /* counts anew what is retained, its part alone */

/* The sums are those of the lists. Returns the number of violations. */
int keep_check(void);

#endif
