/* pages - which pages of this process's own memory are resident.
 *
 * Owns:     a descriptor of /proc/self/pagemap between open and close.
 * Promise:  allocates nothing, touches none of the pages. Without /proc, mincore(2) answers, which
 *           is exact for anonymous memory.
 * Threads:  any, each with its own struct. errno is preserved.
 * Cost:     a system call per 1,024 pages.
 * Inverse:  pages_open / pages_close.
 */
#ifndef OS_PAGES_H
#define OS_PAGES_H

#include "base/config.h"

enum { PAGES_MOST = 1024 };

struct pages {
  int fd;         /* -1: mincore answers */
  unsigned shift; /* a page is 1 << shift bytes */
  /* Bit i of the words: the i-th page that was looked at. */
  uint64_t present[PAGES_MOST / 64];
  /* Present, but not this process's alone: shared with a forked one, a file's, or the zeros that
   * the kernel shows to who only reads (those of a huge page look like a file's). The latter do not
   * count as resident. */
  uint64_t shared[PAGES_MOST / 64];
  uint64_t raw[PAGES_MOST];
};

void pages_open(struct pages *pages);
void pages_close(struct pages *pages);

/* Looks at N pages (at most PAGES_MOST) from START on, which is a multiple of the page size. What
 * is not mapped is not present. */
void pages_look(struct pages *pages, uintptr_t start, size_t n);

ALWAYS_INLINE bool pages_present(const struct pages *pages, size_t i) {
  return pages->present[i / 64] >> i % 64 & 1;
}

ALWAYS_INLINE bool pages_shared(const struct pages *pages, size_t i) {
  return pages->shared[i / 64] >> i % 64 & 1;
}

#endif
