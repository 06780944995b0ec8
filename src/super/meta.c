#include "super/meta.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/lock.h"
#include "diag/counter.h"
#include "os/map.h"

enum { CHUNK = 512 * 1024 };

static struct lock meta_lock;
static char *chunk_next; /* [lock meta] */
static char *chunk_end;  /* [lock meta] */
static struct meta_chunk *chunks; /* [lock meta] writes, [any] reads */

/* Takes from the chunk in use, or returns NULL when it has too little left. */
static void *take_locked(size_t bytes, size_t align) {
  char *p = (char *)round_up((uintptr_t)chunk_next, align);
  if (!chunk_next || p > chunk_end || (size_t)(chunk_end - p) < bytes) return NULL;
  chunk_next = p + bytes;
  return p;
}

const struct meta_chunk *meta_chunks(void) {
  return ld_acq(&chunks); /* pairs: use_locked */
}

/* From now on FRESH is the chunk in use; the rest of the old one is untouched: address space, no
 * memory. */
static void use_locked(char *fresh, size_t bytes) {
  struct meta_chunk *chunk = (struct meta_chunk *)(void *)fresh;
  *chunk = (struct meta_chunk){chunks, bytes};
  st_rel(&chunks, chunk); /* pairs: meta_chunks */
  chunk_next = fresh + sizeof *chunk;
  chunk_end = fresh + bytes;
}

void *meta_alloc(size_t bytes, size_t align, int *error) {
  size_t need = bytes + align + sizeof(struct meta_chunk);
  size_t fresh_bytes = max_size(CHUNK, round_up(need, UNIT_SIZE));
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
  use_locked(fresh, fresh_bytes);
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
