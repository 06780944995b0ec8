/* validate - the state of every block, checked as it is freed.
 *
 * Owns:     a byte per 16 bytes of each superslab, and the size asked for, in tables beside it,
 *           mapped while the mode is on; the count of violations.
 * Promise:  a pointer into a block, a block of another class, one without a proper state and one
 *           that is free already are named, with their own words, and do not come into a cache. The
 *           first ten are written with their callers.
 * Threads:  any.
 * Cost:     one byte and some comparisons per call; nothing while the mode is off.
 * Refuses:  a block that is not what its caller says; it stays where it is.
 * Inverse:  validate_leave / validate_enter.
 * Dials:    HAKMEM_TINY_SLL_VALIDATE_HDR, HAKMEM_LOG.   Gauges: front.violations.
 *
 * A superslab whose table the system refuses goes unchecked: a check must not cost memory that the
 * program needs. From then on a block without a state is accepted, since it may have been given so.
 */
#ifndef FRONT_VALIDATE_H
#define FRONT_VALIDATE_H

#include "slab/slab.h"

/* The one exit: every block that goes to a caller passes here while the mode is on. */
void validate_leave(void *p);

/* May the block at P, of CLASS, come into a cache? */
bool validate_enter(void *p, unsigned class);

/* The block at P was given for a request of SIZE bytes. Of runs and huge blocks nothing is kept. */
void validate_asked(const void *p, size_t size);

/* Is the block at P, of a slab of SUPER, live and the size known that was asked for? */
bool validate_knows(const struct superslab *super, const void *p, size_t *size);

/* The mode was switched on after blocks had been given: those have no state, and are accepted. */
void validate_late(void);

#endif
