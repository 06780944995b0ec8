#include "api/slow.h"

#include <errno.h>

#include "api/foreign.h"
#include "api/libc.h"
#include "front/front.h"

void *api_malloc_miss(size_t size) {
  int saved = errno;
  void *p;
  if (libc_serves(size)) return libc_malloc(size);
  p = front_alloc(size, NULL);
  errno = p ? saved : ENOMEM;
  return p;
}

void *api_aligned_miss(size_t align, size_t size) {
  int saved = errno;
  void *p = libc_serves(size) ? libc_aligned(align, size) : front_alloc_aligned(align, size);
  errno = p ? saved : ENOMEM;
  return p;
}

NOINLINE static void free_long(void *p) {
  int saved = errno;
  if (p && !front_free(p)) foreign_free(p);
  errno = saved;
}

/* A heap of many leaves: the hit is the same, but for the leaf that the next free finds. */
NOINLINE static void free_in_other_leaf(struct gates *gates, void *p) {
  size_t code = map_tag(p) ^ gates->owner_tag;
  if (front_push(gates, p, code) || front_post(gates, p, code))
    thread_turn_to(gates, p);
  else
    free_long(p);
}

void api_free_elsewhere(void *p, size_t code) {
  struct gates *gates = self_gates;
  if (UNLIKELY(code >> LEAF_SHIFT))
    free_in_other_leaf(gates, p);
  else if (!front_post(gates, p, code))
    free_long(p);
}
