/* calls - the allocator's interface under its own names; libc's are aliases of them.
 *
 * Owns:     nothing.
 * Promise:  the contracts of ISO C (malloc, calloc, realloc, free, aligned_alloc), POSIX
 *           (posix_memalign, reallocarray) and the GNU C library (the rest).
 * Threads:  any.
 * Cost:     malloc and free hit: leaf functions of about twenty instructions.
 * Refuses:  NULL with ENOMEM, or EINVAL for an alignment; posix_memalign by its result.
 */
#ifndef API_CALLS_H
#define API_CALLS_H

#include <stddef.h>

/* Sizes and alignments are in bytes. */
void *hak_malloc(size_t size);
void hak_free(void *p);
void *hak_calloc(size_t n, size_t size);
void *hak_realloc(void *p, size_t size);
void *hak_reallocarray(void *p, size_t n, size_t size);
void *hak_aligned_alloc(size_t align, size_t size);
void *hak_memalign(size_t align, size_t size);
int hak_posix_memalign(void **result, size_t align, size_t size);
void *hak_valloc(size_t size);
void *hak_pvalloc(size_t size);
size_t hak_malloc_usable_size(void *p);
void hak_free_sized(void *p, size_t size);
void hak_free_aligned_sized(void *p, size_t align, size_t size);

#endif
