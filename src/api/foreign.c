#include "api/foreign.h"

#include <string.h>

#include "api/libc.h"
#include "base/bits.h"
#include "base/text.h"
#include "diag/counter.h"
#include "front/front.h"
#include "os/process.h"

/* A glibc chunk: two words before the block, the second its size with three flags. */
enum { IS_MMAPPED = 2, NOT_MAIN_ARENA = 4, CHUNK_FLAGS = 7 };

static const size_t ARENA_HEAP = 64 * MIB; /* heaps of other arenas start at multiples of it */

static bool readable(const void *p) {
  return os_is_mapped(p) && os_is_mapped((const char *)p - 2 * sizeof(size_t));
}

/* Does the chunk before P look like one that glibc made? */
static bool looks_like_chunk(const void *p) {
  const size_t *chunk = (const size_t *)p - 2;
  size_t size = chunk[1] & ~(size_t)CHUNK_FLAGS;
  size_t page = os_page_size();
  uintptr_t start;
  if (size < 2 * sizeof(size_t) || size > PTRDIFF_MAX || size % GRAIN) return false;
  if (chunk[1] & IS_MMAPPED) {
    start = (uintptr_t)chunk - chunk[0];
    return start % page == 0 && (chunk[0] + size) % page == 0 && os_is_mapped((void *)start);
  }
  /* Where libc serves, its arenas may be anywhere: in mappings if the break cannot grow, in heaps
   * of another size. What it cannot be without is the header behind the chunk. */
  if (libc_serves(SIZE_MAX)) return !map_super(p) && os_is_mapped((const char *)chunk + size);
  if (!(chunk[1] & NOT_MAIN_ARENA)) return os_in_break_heap(p);
  start = (uintptr_t)p & ~(ARENA_HEAP - 1);
  /* A heap starts with the address of its arena, which is mapped. */
  return os_is_mapped((void *)start) && *(void **)start && os_is_mapped(*(void **)start) &&
         (uintptr_t)p + size <= start + ARENA_HEAP;
}

/* Whose is P, which is not hakmem's? Where libc serves everything, all that is left is libc's, and
 * looking would cost system calls for each free. */
static bool classify_libc(const void *p) {
  if (libc_serves(0)) return true;
  return libc_exports() && (uintptr_t)p % GRAIN == 0 && readable(p) && looks_like_chunk(p);
}

/* CALL is what was tried. An address among our superslabs was a block once. */
COLD static void nobody_owns(const char *call, const void *p) {
  struct text t;
  text_start(&t, -1);
  text_str(&t, call);
  text_str(&t, map_super(p) ? " of a block that is free already, or of an address inside a block"
                            : " of a pointer that no allocator owns: a large block freed already, "
                              "or never a block");
  t.data[t.used] = 0;
  text_die(t.data, p);
}

void foreign_free(void *p) {
  if (!classify_libc(p)) nobody_owns("free", p);
  count_any(CNT_FOREIGN_FREES, 1);
  libc_free(p);
}

static size_t usable_for(const char *call, void *p) {
  const size_t *chunk = (const size_t *)p - 2;
  if (!classify_libc(p)) nobody_owns(call, p);
  /* A chunk in use lends the first word of the next one, unless it is a mapping of its own. */
  return (chunk[1] & ~(size_t)CHUNK_FLAGS) - (chunk[1] & IS_MMAPPED ? 2 : 1) * sizeof(size_t);
}

size_t foreign_usable(void *p) {
  return usable_for("malloc_usable_size", p);
}

void *foreign_realloc(void *p, size_t size) {
  size_t usable = usable_for("realloc", p);
  void *copy;
  if (libc_serves(size)) return libc_realloc(p, size);
  copy = front_alloc(size, NULL);
  if (!copy) return NULL;
  memcpy(copy, p, min_size(usable, size));
  foreign_free(p);
  return copy;
}
