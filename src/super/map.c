#include "super/map.h"

#include "base/bits.h"
#include "base/lock.h"
#include "base/text.h"
#include "os/map.h"
#include "os/process.h"

struct slab_map slab_map;

static struct lock cover_lock;
static size_t leaf_bytes; /* [lock cover] */
/* The entries of leaves lie from ROOT_ENTRIES - `spread` to below `beyond`: elsewhere nobody reads,
 * which would map a page. [lock cover] writes, [any] reads; relaxed */
static unsigned spread, beyond;

/* Of a leaf a page or two are touched; a huge one, where the system gives them unasked, would be 2
 * MiB for that. */
static void keep_pages_small(void *p, size_t bytes) {
  size_t page = os_page_size();
  uintptr_t from = round_up((uintptr_t)p, page);
  uintptr_t to = ((uintptr_t)p + bytes) & ~(page - 1);
  os_huge_pages((char *)p + (from - (uintptr_t)p), to - from, false);
}

/* System calls under a lock, decided so: once per 64 GiB, and a lost race would map two leaves. */
COLD static bool cover_slow(uintptr_t i, int *error) {
  bool covered = true;
  lock_take(&cover_lock);
  if (!ld_rlx(&slab_map.root[i])) {
    struct leaf *leaf = os_map(round_up(sizeof *leaf, UNIT_SIZE), error);
    if (leaf) {
      if (!leaf_bytes) keep_pages_small(&slab_map, sizeof slab_map);
      keep_pages_small(leaf, sizeof *leaf);
      st_rlx_any(&spread, (unsigned)max_size(spread, ROOT_ENTRIES - i));
      st_rlx_any(&beyond, (unsigned)max_size(beyond, i + 1));
      /* pairs: map_cover, map_next */
      st_rel(&slab_map.root[i], (uintptr_t)leaf - (uintptr_t)&slab_map.zero);
      leaf_bytes += sizeof *leaf;
    }
    covered = leaf != NULL;
  }
  lock_drop(&cover_lock);
  return covered;
}

bool map_cover(const void *p, int *error) {
  uintptr_t i = (uintptr_t)p >> LEAF_SHIFT;
  ASSERT(i < ROOT_ENTRIES);
  return ld_acq(&slab_map.root[i]) || cover_slow(i, error); /* pairs: cover_slow */
}

void map_set_super(const void *p, void *descriptor) {
  struct leaf *leaf = map_leaf(p);
  ASSERT_DEBUG(leaf != &slab_map.zero);
  st_rel(&leaf->super[map_place(p)], descriptor); /* pairs: map_super */
}

void map_set_tags(const void *p, unsigned n, tag_t tag) {
  struct leaf *leaf = map_leaf(p);
  size_t unit = map_unit(p);
  ASSERT_DEBUG(leaf != &slab_map.zero);
  for (unsigned i = 0; i < n; i++) st_rlx_any(&leaf->tag[unit + i], tag);
}

struct leaf *map_next(unsigned *i) {
  *i = (unsigned)max_size(*i, ROOT_ENTRIES - ld_rlx(&spread));
  while (*i < ld_rlx(&beyond)) {
    uintptr_t distance = ld_acq(&slab_map.root[(*i)++]); /* pairs: cover_slow */
    if (distance) return (struct leaf *)((uintptr_t)&slab_map.zero + distance);
  }
  return NULL;
}

size_t map_leaf_bytes(void) {
  size_t bytes;
  lock_take(&cover_lock);
  bytes = leaf_bytes;
  lock_drop(&cover_lock);
  return bytes;
}

void map_fork_take(void) {
  lock_fork_take(&cover_lock);
}

void map_fork_drop(void) {
  lock_fork_drop(&cover_lock);
}
