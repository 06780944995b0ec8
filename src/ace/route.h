/* route - ACE's router: which way a request of a given size goes.
 *
 * Owns:     nothing: pure functions over the class table.
 * Promise:  every size has a route; the smallest class that fits, unless it is above W_MAX times
 *           the size; then a run, then a mapping. Tiny sizes have no other route than their class.
 * Threads:  any.
 * Cost:     a few instructions; not on the hit path.
 * Refuses:  nothing: a class that is refused is a reason, not an error.
 * Dials:    HAKMEM_WMAX_MID, HAKMEM_WMAX_LARGE.
 */
#ifndef ACE_ROUTE_H
#define ACE_ROUTE_H

#include "diag/failure.h"
#include "slab/class.h"

enum way { WAY_SLAB, WAY_RUN, WAY_HUGE };

struct route {
  enum way way;
  unsigned class;  /* of WAY_SLAB, else 0 */
  unsigned refused; /* the class that W_MAX refused on the way, else 0 */
};

/* The largest accepted ratios of class to size, in hundredths. */
struct wmax {
  unsigned mid;
  unsigned large;
};

/* The ratio in force for a request of SIZE bytes. */
unsigned ace_wmax_of(size_t size, struct wmax wmax);

struct route ace_route(size_t size, struct wmax wmax);

/* Can W_MAX refuse any class at all? The steps of the table are a quarter at most. */
bool ace_wmax_binds(struct wmax wmax);

/* Every size up to 16 MiB has a route that holds it. Returns the number that have not. */
int ace_check(struct wmax wmax);

#endif
