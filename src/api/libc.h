/* libc - the modes in which libc serves, all or the larger sizes.
 *
 * Owns:     nothing.
 * Promise:  a block goes back to the heap that it came from, whatever the mode. Where libc does not
 *           export its functions under names of its own (musl), hakmem serves and says so at start.
 * Threads:  any.
 * Cost:     one comparison on a miss; nothing on the hit path, since a class that libc serves has
 *           no magazine that is ever filled.
 * Dials:    HAKMEM_FORCE_LIBC_ALLOC, HAKMEM_LD_SAFE, HAKMEM_LD_BLOCK_JEMALLOC.
 */
#ifndef API_LIBC_H
#define API_LIBC_H

#include "base/config.h"
#include "front/start.h"

/* Does libc serve requests of SIZE bytes? */
ALWAYS_INLINE bool libc_serves(size_t size) {
  size_t from = start_libc_from();
  return UNLIKELY(from != SIZE_MAX && size >= from);
}

/* Does this libc export its allocator under names of its own? */
bool libc_exports(void);

void *libc_malloc(size_t size);
void *libc_aligned(size_t align, size_t size);
void *libc_realloc(void *p, size_t size);
void libc_free(void *p);

#endif
