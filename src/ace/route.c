#include "ace/route.h"

#include "base/text.h"

unsigned ace_wmax_of(size_t size, struct wmax wmax) {
  return size <= MID_MAX ? wmax.mid : wmax.large;
}

struct route ace_route(size_t size, struct wmax wmax) {
  struct route route = {WAY_SLAB, 0, 0};
  if (size <= CLASS_MAX) {
    unsigned class = class_of(size);
    bool accepted = size <= TINY_MAX || class_size(class) * 100 <= size * ace_wmax_of(size, wmax);
    route.class = accepted ? class : 0;
    route.refused = accepted ? 0 : class;
  }
  if (!route.class) route.way = size <= LARGE_MAX ? WAY_RUN : WAY_HUGE;
  return route;
}

/* The smallest size of a class has its largest ratio. */
bool ace_wmax_binds(struct wmax wmax) {
  for (unsigned class = class_of(TINY_MAX) + 1; class < CLASSES; class++)
    if (ace_route(class_size(class - 1) + 1, wmax).refused) return true;
  return false;
}

int ace_check(struct wmax wmax) {
  int bad = 0;
  for (size_t size = 0; size <= 16 * MIB; size++) {
    struct route route = ace_route(size, wmax);
    if (route.way == WAY_SLAB && class_size(route.class) < size) bad++;
    if (route.way == WAY_SLAB && (route.class < 1 || route.class >= CLASSES)) bad++;
    if (route.way == WAY_RUN && size > LARGE_MAX) bad++;
    if (route.way == WAY_HUGE && size <= LARGE_MAX) bad++;
  }
  if (bad) text_violated("a size has no route", NULL);
  return bad;
}
