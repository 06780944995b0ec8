#include "super/meta.h"

#include "base/bits.h"
#include "base/lock.h"
#include "diag/counter.h"
#include "os/map.h"

enum { CHUNK = 512 * 1024 };

static struct lock meta_lock;
static char *chunk_next; /* [lock meta] */
static char *chunk_end;  /* [lock meta] */

/* Takes from the chunk in use, or returns NULL when it has too little left. */
static void *take_locked(size_t bytes, size_t align) {
  char *p = (char *)round_up((uintptr_t)chunk_next, align);
  if (!chunk_next || p > chunk_end || (size_t)(chunk_end - p) < bytes) return NULL;
  chunk_next = p + bytes;
  return p;
}

void *meta_alloc(size_t bytes, size_t align, int *error) {
  size_t fresh_bytes = max_size(CHUNK, round_up(bytes, UNIT_SIZE));
  char *fresh;
  void *p;
  lock_take(&meta_lock);
  p = take_locked(bytes, align);
  lock_drop(&meta_lock);
  if (p) return p;
  fresh = os_map(fresh_bytes, error); /* not under the lock: others may have descriptors left */
  if (!fresh) return NULL;
  count_any(CNT_META_BYTES, fresh_bytes);
  lock_take(&meta_lock);
  chunk_next = fresh; /* the rest of the old chunk is untouched: address space, no memory */
  chunk_end = fresh + fresh_bytes;
  p = take_locked(bytes, align);
  lock_drop(&meta_lock);
  return p;
}

void meta_fork_take(void) {
  lock_fork_take(&meta_lock);
}

void meta_fork_drop(void) {
  lock_fork_drop(&meta_lock);
}
