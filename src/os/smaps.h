/* smaps - the mappings of this process and what is resident of each, as the kernel counts it.
 *
 * Owns:     a descriptor of /proc/self/smaps between open and close.
 * Promise:  mappings come in the order of their addresses. Allocates nothing.
 * Threads:  any, each with its own struct. errno is preserved.
 * Cost:     the kernel walks the page tables of the process once.
 * Refuses:  smaps_open, where /proc is not there or not to be read.
 * Inverse:  smaps_open / smaps_close.
 */
#ifndef OS_SMAPS_H
#define OS_SMAPS_H

#include "os/lines.h"

struct smaps_area {
  uintptr_t start;
  uintptr_t end;
  size_t resident;   /* bytes; Rss */
  size_t huge_pages; /* bytes; AnonHugePages */
  size_t lazy_free;  /* bytes; LazyFree: the kernel takes them when it needs them */
};

struct smaps {
  struct lines lines;
  struct smaps_area next; /* whose first line has been read */
};

bool smaps_open(struct smaps *smaps);
bool smaps_next(struct smaps *smaps, struct smaps_area *area); /* false at the end */
void smaps_close(struct smaps *smaps);

#endif
