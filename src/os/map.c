#include "os/map.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "os/debt.h"
#include "os/process.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* At HINT, if it is free; at any place where it is not, or NULL. */
static void *map_pages(void *hint, size_t bytes, int protection, int *error) {
  int saved = errno;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | (protection == PROT_NONE ? MAP_NORESERVE : 0);
  void *p = mmap(hint, bytes, protection, flags, -1, 0);
  if (p == MAP_FAILED) {
    *error = errno;
    p = NULL;
  }
  errno = saved;
  return p;
}

void *os_map(size_t bytes, int *error) {
  return map_pages(NULL, bytes, PROT_READ | PROT_WRITE, error);
}

void os_discard(void *p, size_t bytes) {
  if (bytes && !os_unmap_once(p, bytes)) debt_owe(p, bytes);
}

/* Cuts an over-long mapping at P down to BYTES at a multiple of ALIGN. */
static void *trim_to_aligned(char *p, size_t total, size_t bytes, size_t align) {
  char *start = (char *)round_up((uintptr_t)p, align);
  char *end = start + bytes;
  os_discard(p, (size_t)(start - p));
  os_discard(end, (size_t)(p + total - end));
  return start;
}

static uintptr_t lowest; /* [any] relaxed: the lowest aligned mapping so far; a hint */

/* P, or NULL and ENOMEM if it is not aligned, but given back. */
static void *if_aligned(void *p, size_t bytes, size_t align, int *error) {
  if (p && (uintptr_t)p & (align - 1)) {
    os_discard(p, bytes);
    *error = ENOMEM;
    return NULL;
  }
  if (p && (!ld_rlx(&lowest) || (uintptr_t)p < ld_rlx(&lowest))) st_rlx(&lowest, (uintptr_t)p);
  return p;
}

/* The kernel places mappings one below the other: where the first is not aligned, there is room at
 * the next multiple below, more often than not, and the ones after it are aligned. Where it fell
 * into a gap there may be none: then more is taken and cut, and where a limit refuses that, there
 * is room below all others; not before, since addresses would wander downwards for ever. */
static void *map_aligned(size_t bytes, size_t align, int protection, int *error) {
  char *first = map_pages(NULL, bytes, protection, error);
  uintptr_t below = (uintptr_t)first & ~(align - 1);
  char *p = if_aligned(first, bytes, align, error);
  int unsaid; /* what the system refused before tells more */
  if (p || !first) return p;
  p = if_aligned(map_pages((void *)below, bytes, protection, error), bytes, align, error);
  if (p || bytes > PTRDIFF_MAX - align) return p;
  p = map_pages(NULL, bytes + align, protection, error);
  if (p) return if_aligned(trim_to_aligned(p, bytes + align, bytes, align), bytes, align, error);
  below = (ld_rlx(&lowest) - bytes) & ~(align - 1);
  if (below > ld_rlx(&lowest)) return NULL;
  return if_aligned(map_pages((void *)below, bytes, protection, &unsaid), bytes, align, &unsaid);
}

void *os_map_aligned(size_t bytes, size_t align, int *error) {
  return map_aligned(bytes, align, PROT_READ | PROT_WRITE, error);
}

bool os_unmap(void *p, size_t bytes) {
  bool done = os_unmap_once(p, bytes);
  if (done) debt_settle();
  return done;
}

bool os_unmap_once(void *p, size_t bytes) {
  int saved = errno;
  bool done = munmap(p, bytes) == 0;
  errno = saved;
  return done;
}

/* EAGAIN may pass or stay: the kernel says so, too, where a range would need one mapping more than
 * vm.max_map_count. */
static bool advise(void *p, size_t bytes, int advice) {
  enum { TRIES = 8 };
  int saved = errno;
  int result = -1;
  errno = EAGAIN;
  for (int i = 0; i < TRIES && result != 0 && (errno == EINTR || errno == EAGAIN); i++)
    result = madvise(p, bytes, advice);
  errno = saved;
  return result == 0;
}

bool os_purge(void *p, size_t bytes) {
  return advise(p, bytes, MADV_DONTNEED);
}

bool os_purge_lazily(void *p, size_t bytes) {
  return advise(p, bytes, MADV_FREE);
}

bool os_populate(void *p, size_t bytes) {
  return advise(p, bytes, MADV_POPULATE_WRITE);
}

bool os_huge_pages(void *p, size_t bytes, bool wanted) {
  return advise(p, bytes, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

enum { LOOK_SMALL = 64, LOOK_LARGE = 1024 }; /* pages in one look; each a byte of stack */

static bool look(char *p, size_t pages, unsigned char *resident) {
  int saved = errno;
  bool known = syscall(SYS_mincore, p, pages * os_page_size(), resident) == 0;
  errno = saved;
  return known;
}

/* How many of the PAGES there are up to the last resident one. Eight at a look: most blocks that
 * are asked about were never touched. */
static size_t up_to_last(const unsigned char *resident, size_t pages) {
  for (uint64_t eight; pages >= sizeof eight; pages -= sizeof eight) {
    memcpy(&eight, resident + pages - sizeof eight, sizeof eight);
    if (eight & 0x0101010101010101u) break;
  }
  while (pages && !(resident[pages - 1] & 1)) pages--;
  return pages;
}

size_t os_resident_end(char *p, size_t bytes) {
  unsigned char resident[LOOK_LARGE];
  size_t page = os_page_size();
  for (size_t most = LOOK_SMALL; bytes; most = LOOK_LARGE) {
    size_t pages = min_size(bytes / page, most);
    size_t left;
    if (!look(p + bytes - pages * page, pages, resident)) break;
    left = up_to_last(resident, pages);
    bytes -= (pages - left) * page;
    if (left) break;
  }
  return bytes;
}

bool os_resident_mostly(char *p, size_t bytes) {
  enum { LOOKS = 4, FEW = 16 }; /* one page in 16 may be missing of each look */
  unsigned char resident[LOOK_SMALL];
  size_t page = os_page_size();
  size_t pages = min_size(bytes / page, LOOK_SMALL);
  for (size_t i = LOOKS; i--;) {
    size_t first = (bytes / page - pages) * i / (LOOKS - 1);
    size_t found = 0;
    if (!look(p + first * page, pages, resident)) return false;
    for (size_t at = 0; at < pages; at++) found += resident[at] & 1;
    if (pages - found > pages / FEW) return false;
  }
  return true;
}

bool os_resize(void *p, size_t old_bytes, size_t new_bytes) {
  int saved = errno;
  bool done = mremap(p, old_bytes, new_bytes, 0) != MAP_FAILED;
  errno = saved;
  return done;
}

void *os_reserve_aligned(size_t bytes, size_t align) {
  int error;
  return map_aligned(bytes, align, PROT_NONE, &error);
}

/* A refused mremap may have unmapped its target first. Then there is a hole, and what other threads
 * have mapped in it since: it is filled from its end, and only a reservation has no rights. Where a
 * sandbox refuses msync as it did mremap, with ERROR, nothing was unmapped. */
static bool is_reserved(char *p, size_t bytes, int error) {
  bool whole = !syscall(SYS_msync, p, bytes, MS_ASYNC) || (errno == error && error != ENOMEM);
  return whole && madvise(p, 1, MADV_POPULATE_READ) != 0 &&
         madvise(p + bytes - os_page_size(), 1, MADV_POPULATE_READ) != 0;
}

bool os_move(void *p, size_t old_bytes, size_t new_bytes, void *to) {
  int saved = errno;
  void *moved = mremap(p, old_bytes, new_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
  if (moved == MAP_FAILED && is_reserved(to, new_bytes, errno)) os_discard(to, new_bytes);
  errno = saved;
  return moved != MAP_FAILED;
}
