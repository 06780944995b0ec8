/* nothrow - calls a new_handler for a nothrow new.
 *
 * Owns:     nothing.
 * Promise:  no exception comes out: [new.delete.single] wants a null pointer instead.
 * Threads:  any.
 */
#ifndef API_NOTHROW_H
#define API_NOTHROW_H

#include "base/cc.h"

/* Returns false when the handler threw. */
NOTHROW_LINKAGE bool nothrow_call(void (*handler)(void));

#endif
