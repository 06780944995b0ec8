#include "os/map.h"

#include "base/bits.h"

#include <errno.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static void *map_pages(size_t bytes, int protection, int *error) {
  int saved = errno;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | (protection == PROT_NONE ? MAP_NORESERVE : 0);
  void *p = mmap(NULL, bytes, protection, flags, -1, 0);
  if (p == MAP_FAILED) {
    *error = errno;
    p = NULL;
  }
  errno = saved;
  return p;
}

void *os_map(size_t bytes, int *error) {
  return map_pages(bytes, PROT_READ | PROT_WRITE, error);
}

/* Cuts an over-long mapping at P down to BYTES at a multiple of ALIGN. The kernel may refuse a cut
 * only when its table of mappings is full; then the whole is given back (one cut less). */
static void *trim_to_aligned(char *p, size_t total, size_t bytes, size_t align) {
  char *start = (char *)round_up((uintptr_t)p, align);
  char *end = start + bytes;
  if (start > p && !os_unmap(p, (size_t)(start - p))) {
    os_unmap(p, total);
    return NULL;
  }
  if (end < p + total && !os_unmap(end, (size_t)(p + total - end))) {
    os_unmap(start, (size_t)(p + total - start));
    return NULL;
  }
  return start;
}

static void *map_aligned(size_t bytes, size_t align, int protection, int *error) {
  char *p = map_pages(bytes, protection, error);
  if (!p || !((uintptr_t)p & (align - 1))) return p;
  /* The kernel places mappings one below the other, so this happens once, then hardly again. */
  if (!os_unmap(p, bytes) || bytes > PTRDIFF_MAX - align) {
    *error = ENOMEM;
    return NULL;
  }
  p = map_pages(bytes + align, protection, error);
  if (!p) return NULL;
  p = trim_to_aligned(p, bytes + align, bytes, align);
  if (!p) *error = ENOMEM;
  return p;
}

void *os_map_aligned(size_t bytes, size_t align, int *error) {
  return map_aligned(bytes, align, PROT_READ | PROT_WRITE, error);
}

bool os_unmap(void *p, size_t bytes) {
  int saved = errno;
  bool done = munmap(p, bytes) == 0;
  errno = saved;
  return done;
}

static bool advise(void *p, size_t bytes, int advice) {
  int saved = errno;
  int result;
  do result = madvise(p, bytes, advice);
  while (result != 0 && (errno == EINTR || errno == EAGAIN));
  errno = saved;
  return result == 0;
}

bool os_purge(void *p, size_t bytes) {
  return advise(p, bytes, MADV_DONTNEED);
}

bool os_populate(void *p, size_t bytes) {
  return advise(p, bytes, MADV_POPULATE_WRITE);
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

bool os_move(void *p, size_t old_bytes, size_t new_bytes, void *to) {
  int saved = errno;
  void *moved = mremap(p, old_bytes, new_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
  errno = saved;
  return moved != MAP_FAILED;
}
