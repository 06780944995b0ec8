/* foreign - pointers that hakmem did not hand out.
 *
 * Owns:     the addresses of libc's own functions, once asked for.
 * Promise:  a block of libc's heap goes back to libc, whole; what nobody owns is reported by
 *           address and ends the process; where libc serves too, what could be its is left to
 *           it to judge. The heaps are never mixed.
 * Threads:  any.
 * Cost:     a few system calls; such pointers are rare.
 */
#ifndef API_FOREIGN_H
#define API_FOREIGN_H

#include "base/config.h"

void foreign_free(void *p);
size_t foreign_usable(void *p);

/* Copies a block of libc's into one of hakmem's and frees it. NULL when there is no memory. */
void *foreign_realloc(void *p, size_t size);

#endif
