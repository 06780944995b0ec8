#include "api/calls.h"

#include <errno.h>
#include <string.h>

#include "api/foreign.h"
#include "api/libc.h"
#include "api/names.h"
#include "front/front.h"
#include "os/process.h"

static void *no_memory(void) {
  errno = ENOMEM;
  return NULL;
}

EXPORT void *hak_calloc(size_t n, size_t size) {
  size_t bytes;
  bool zeroed;
  void *p;
  /* refused, and recorded, as such */
  if (__builtin_mul_overflow(n, size, &bytes)) bytes = SIZE_MAX;
  if (bytes <= CLASS_MAX || libc_serves(bytes)) {
    p = hak_malloc(bytes);
    return p ? memset(p, 0, bytes) : NULL;
  }
  p = front_alloc(bytes, &zeroed);
  if (!p) return no_memory();
  return zeroed ? p : memset(p, 0, bytes);
}

/* What grows once grows again: an eighth more now spares every second move. What is tiny stays so:
 * above, a mode may have another heap serve. */
static size_t with_room(size_t usable, size_t size) {
  if (size <= usable || size > MID_MAX) return size;
  return size <= TINY_MAX ? min_size(size + size / 8, TINY_MAX) : size + size / 8;
}

/* A block that got no better place is kept when it is large enough as it is. */
static void *move_block(void *p, size_t usable, size_t size) {
  void *q = hak_malloc(with_room(usable, size));
  if (!q) return size <= usable ? p : NULL;
  memcpy(q, p, min_size(usable, size));
  hak_free(p);
  return q;
}

EXPORT void *hak_realloc(void *p, size_t size) {
  size_t usable;
  void *q;
  if (!p) return hak_malloc(size);
  if (!size) {
    hak_free(p);
    return NULL;
  }
  usable = front_usable(p);
  if (UNLIKELY(!usable)) {
    q = foreign_realloc(p, size);
    return q ? q : no_memory();
  }
  if (size <= usable && usable <= CLASS_MAX && size + GRAIN >= usable / 4 * 3) {
    front_kept(p, size);
    return p;
  }
  q = front_resize(p, size);
  return q ? q : move_block(p, usable, size);
}

EXPORT void *hak_reallocarray(void *p, size_t n, size_t size) {
  size_t bytes;
  /* refused, and recorded, as such */
  if (__builtin_mul_overflow(n, size, &bytes)) bytes = SIZE_MAX;
  return hak_realloc(p, bytes);
}

static void *aligned(size_t align, size_t size) {
  unsigned class = align <= UNIT_SIZE ? class_of_aligned(size, align) : 0;
  void *p = class ? front_pop(self_gates, 2 * (size_t)class) : NULL;
  if (LIKELY(p != NULL)) return p;
  return libc_serves(size) ? libc_aligned(align, size) : front_alloc_aligned(align, size);
}

EXPORT void *hak_aligned_alloc(size_t align, size_t size) {
  int saved = errno;
  void *p;
  if (!is_power_of_two(align)) {
    errno = EINVAL;
    return NULL;
  }
  p = aligned(align, size);
  errno = p ? saved : ENOMEM;
  return p;
}

/* As the GNU C library: an alignment that is no power of two is rounded up to one. */
EXPORT void *hak_memalign(size_t align, size_t size) {
  if (align > PTRDIFF_MAX) {
    errno = EINVAL;
    return NULL;
  }
  if (align < GRAIN) align = GRAIN;
  if (!is_power_of_two(align)) align = (size_t)2 << bit_highest(align);
  return hak_aligned_alloc(align, size);
}

EXPORT int hak_posix_memalign(void **result, size_t align, size_t size) {
  int saved = errno;
  void *p;
  if (!is_power_of_two(align) || align % sizeof(void *)) return EINVAL;
  p = aligned(align, size);
  errno = saved;
  if (!p) return ENOMEM;
  *result = p;
  return 0;
}

EXPORT void *hak_valloc(size_t size) {
  return hak_aligned_alloc(os_page_size(), size);
}

EXPORT void *hak_pvalloc(size_t size) {
  size_t page = os_page_size();
  if (size <= PTRDIFF_MAX - page) size = round_up(size ? size : 1, page);
  return hak_aligned_alloc(page, size);
}

EXPORT size_t hak_malloc_usable_size(void *p) {
  size_t usable;
  if (!p) return 0;
  usable = front_usable(p);
  return usable ? usable : foreign_usable(p);
}

/* What the caller says of the block is not needed, so nothing can go wrong when it is not so. */
EXPORT void hak_free_sized(void *p, size_t size) {
  (void)size;
  hak_free(p);
}

EXPORT void hak_free_aligned_sized(void *p, size_t align, size_t size) {
  (void)align;
  (void)size;
  hak_free(p);
}

LIBC_NAME(calloc, hak_calloc);
LIBC_NAME(realloc, hak_realloc);
LIBC_NAME(reallocarray, hak_reallocarray);
LIBC_NAME(aligned_alloc, hak_aligned_alloc);
LIBC_NAME(memalign, hak_memalign);
LIBC_NAME(posix_memalign, hak_posix_memalign);
LIBC_NAME(valloc, hak_valloc);
LIBC_NAME(pvalloc, hak_pvalloc);
LIBC_NAME(malloc_usable_size, hak_malloc_usable_size);
LIBC_NAME(free_sized, hak_free_sized);
LIBC_NAME(free_aligned_sized, hak_free_aligned_sized);
