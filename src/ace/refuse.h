/* refuse - a refusal becomes a record, and with HAKMEM_ACE_TRACE=1 a line.
 *
 * Owns:     the limiters of the lines, one per reason, tier and next route.
 * Promise:  each refusal is counted and kept with its verdict and its callers; a cause that repeats
 *           writes a bounded number of lines. Unless the trace is on nothing is written.
 * Threads:  any. No malloc, no stdio, no lock. errno is preserved.
 * Cost:     a record; for a MapFail or a NULL the limits of the system are read, at most once per
 *           cause and power of two.
 * Dials:    HAKMEM_ACE_TRACE, HAKMEM_LOG.   Gauges: failures.*.
 */
#ifndef ACE_REFUSE_H
#define ACE_REFUSE_H

#include "diag/failure.h"
#include "slab/class.h"

/* Records what FAILURE says of a request: reason, tier by size, size, align, class_size, bytes,
 * error, wmax, next. The verdict, callers, time and thread are found here. */
void refuse(struct failure *failure);

#endif
