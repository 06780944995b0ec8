/* slow - what the libc names do when the hit path does not serve: errno, foreign pointers, reports.
 *
 * Owns:     nothing.
 * Promise:  malloc's failures set errno to ENOMEM; free never changes errno.
 * Threads:  any.
 * Cost:     that of front.
 */
#ifndef API_SLOW_H
#define API_SLOW_H

#include "base/config.h"

COLD void *api_malloc_miss(size_t size);
COLD void *api_aligned_miss(size_t align, size_t size);
/* CODE: what thread_code() says of P. */
NOINLINE void api_free_elsewhere(void *p, size_t code);

#endif
