/* stats - what the allocator holds, told from the state itself.
 *
 * Owns:     nothing.
 * Promise:  figures are read off the slabs and magazines, not kept: they cannot drift. With other
 *           threads running each figure is true of some instant during the call.
 * Threads:  any. No malloc, no stdio. errno is preserved.
 * Cost:     a walk over all slabs and threads; stats_print also draws up the ledger.
 */
#ifndef API_STATS_H
#define API_STATS_H

#include "base/config.h"

struct class_stats {
  uint64_t slabs;
  uint64_t capacity; /* blocks */
  uint64_t free;     /* blocks free in slabs */
  uint64_t cached;   /* blocks in magazines and outboxes */
  uint64_t live;     /* blocks in use */
};

struct heap_stats {
  struct class_stats class[CLASSES];
  uint64_t live_bytes;   /* blocks in use, by class size; runs and huge mappings included */
  uint64_t free_bytes;   /* blocks free in slabs or cached */
  uint64_t mapped_bytes; /* address space for blocks and descriptors */
  uint64_t supers;
};

void stats_collect(struct heap_stats *s);

/* The figure that the report has under NAME, or false: there is none. */
bool stats_find(const char *name, uint64_t *value);

/* The whole report as text. Returns 0, or the errno of a write that failed. */
int stats_print(int fd);

/* One line: version, process, mode, options that differ from their defaults. */
void stats_banner(int fd);

#endif
