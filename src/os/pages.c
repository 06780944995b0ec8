#include "os/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"
#include "os/process.h"

/* Bits of an entry of /proc/self/pagemap; they need no privilege (the page's number would). */
static const uint64_t PRESENT = (uint64_t)1 << 63;
static const uint64_t EXCLUSIVE = (uint64_t)1 << 56;

void pages_open(struct pages *pages) {
  int saved = errno;
  pages->shift = bit_lowest(os_page_size());
  pages->fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  errno = saved;
}

void pages_close(struct pages *pages) {
  int saved = errno;
  if (pages->fd >= 0) syscall(SYS_close, pages->fd);
  errno = saved;
}

static void note(struct pages *pages, size_t i, bool shared) {
  pages->present[i / 64] |= (uint64_t)1 << i % 64;
  if (shared) pages->shared[i / 64] |= (uint64_t)1 << i % 64;
}

/* Returns how many entries could be read. */
static size_t read_entries(struct pages *pages, uintptr_t start, size_t n) {
  off_t at = (off_t)((start >> pages->shift) * sizeof *pages->raw);
  long got;
  do got = syscall(SYS_pread64, pages->fd, pages->raw, n * sizeof *pages->raw, at);
  while (got < 0 && errno == EINTR);
  return got > 0 ? (size_t)got / sizeof *pages->raw : 0;
}

static void look_in_pagemap(struct pages *pages, uintptr_t start, size_t n) {
  size_t got = read_entries(pages, start, n);
  for (size_t i = 0; i < got; i++) {
    uint64_t entry = pages->raw[i];
    if (entry & PRESENT) note(pages, i, !(entry & EXCLUSIVE));
  }
}

/* mincore refuses a range with a hole in it: then each page is asked for by itself. */
static void look_by_mincore(struct pages *pages, uintptr_t start, size_t n) {
  unsigned char *resident = (unsigned char *)pages->raw;
  bool whole = syscall(SYS_mincore, start, n << pages->shift, resident) == 0;
  for (size_t i = 0; i < n; i++) {
    uintptr_t page = start + (i << pages->shift);
    bool known = whole || syscall(SYS_mincore, page, (size_t)1, &resident[i]) == 0;
    if (known && resident[i] & 1) note(pages, i, false);
  }
}

void pages_look(struct pages *pages, uintptr_t start, size_t n) {
  int saved = errno;
  n = min_size(n, PAGES_MOST);
  memset(pages->present, 0, sizeof pages->present);
  memset(pages->shared, 0, sizeof pages->shared);
  if (pages->fd >= 0)
    look_in_pagemap(pages, start, n);
  else
    look_by_mincore(pages, start, n);
  errno = saved;
}
