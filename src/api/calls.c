#include "api/calls.h"

#include <errno.h>
#include <string.h>

#include "api/foreign.h"
#include "api/libc.h"
#include "api/names.h"
#include "api/slow.h"
#include "front/front.h"
#include "front/validate.h"
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

/* Of a block of USABLE bytes no more than a quarter, and a grain, would be kept for nothing. */
ALWAYS_INLINE bool stays(size_t usable, size_t size) {
  return size - 1 < usable && usable - size <= usable / 4 + GRAIN; /* 0 stays nowhere */
}

/* What grew by little will grow again: it moves to the largest class that it would stay in, which
 * spares every other move. Who asks for half as much again, or twice, has made room himself. What
 * is tiny stays so: above, a mode may have another heap serve. */
static size_t with_room(size_t usable, size_t size) {
  size_t most = (size + GRAIN) / 3 * 4;
  unsigned class;
  if (size <= usable || size >= usable + usable / 2 || size > MID_MAX) return size;
  if (size <= TINY_MAX) most = min_size(most, TINY_MAX);
  class = class_of(most);
  if (class_size(class) > most) class--;
  return max_size(class_size(class), size);
}

/* A hit, or NULL. */
ALWAYS_INLINE void *pop_aligned(size_t align, size_t size) {
  return front_pop_told(self_gates, class_code_aligned(size, align));
}

static void *try_malloc(size_t size) {
  void *p = pop_aligned(GRAIN, size);
  if (p) return p;
  return libc_serves(size) ? libc_malloc(size) : front_try(size);
}

/* A block that got no better place is kept when it is large enough as it is. */
static void *move_block(void *p, size_t usable, size_t size) {
  size_t room = with_room(usable, size);
  void *q = room > size || size <= usable ? try_malloc(room) : NULL;
  if (!q && size <= usable) return p;
  if (!q) q = hak_malloc(size);
  else if (room > size && front_keeps_sizes()) validate_asked(q, size);
  if (!q) return NULL;
  memcpy(q, p, min_size(usable, size));
  hak_free(p);
  return q;
}

NOINLINE static void *realloc_miss(void *p, size_t size) {
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
  if (usable <= CLASS_MAX && stays(usable, size)) {
    if (front_keeps_sizes()) validate_asked(p, size);
    return p;
  }
  q = size > CLASS_MAX ? front_resize(p, size) : NULL;
  return q ? q : move_block(p, usable, size);
}

/* Most calls keep the block where it is. An address that has no class has 0 bytes here. */
EXPORT void *hak_realloc(void *p, size_t size) {
  unsigned code = map_tag(p) & TAG_CODE_MASK;
  if (code < CODES && stays(class_size(code / 2), size) && !front_keeps_sizes()) return p;
  return realloc_miss(p, size);
}

EXPORT void *hak_reallocarray(void *p, size_t n, size_t size) {
  size_t bytes;
  /* refused, and recorded, as such */
  if (__builtin_mul_overflow(n, size, &bytes)) bytes = SIZE_MAX;
  return hak_realloc(p, bytes);
}

COLD static void *invalid(void) {
  errno = EINVAL;
  return NULL;
}

EXPORT void *hak_aligned_alloc(size_t align, size_t size) {
  void *p;
  if (UNLIKELY(!is_power_of_two(align))) return invalid();
  p = pop_aligned(align, size);
  return LIKELY(p != NULL) ? p : api_aligned_miss(align, size);
}

/* As the GNU C library: an alignment that is no power of two is rounded up to one. */
EXPORT void *hak_memalign(size_t align, size_t size) {
  if (align > PTRDIFF_MAX) return invalid();
  if (align < GRAIN) align = GRAIN;
  if (!is_power_of_two(align)) align = (size_t)2 << bit_highest(align);
  return hak_aligned_alloc(align, size);
}

NOINLINE static int posix_memalign_miss(void **result, size_t align, size_t size) {
  int saved = errno;
  void *p = api_aligned_miss(align, size);
  errno = saved;
  if (!p) return ENOMEM;
  *result = p;
  return 0;
}

EXPORT int hak_posix_memalign(void **result, size_t align, size_t size) {
  void *p;
  if (UNLIKELY(!is_power_of_two(align) || align % sizeof(void *))) return EINVAL;
  p = pop_aligned(align, size);
  if (UNLIKELY(!p)) return posix_memalign_miss(result, align, size);
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
