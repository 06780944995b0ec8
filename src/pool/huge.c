#include "pool/huge.h"

#include <errno.h>

#include "base/text.h"
#include "diag/counter.h"
#include "diag/option.h"
#include "os/map.h"
#include "os/process.h"
#include "pool/decay.h"
#include "super/meta.h"
#include "super/purge.h"
#include "super/thp.h"

struct huge {
  char *base;       /* [const] while live */
  size_t bytes;     /* [holder] mapped, a multiple of the page size */
  uint64_t since;   /* [lock huge] ms; when it came into the cache */
  struct link link; /* [lock huge] in the cache, or the list of spare descriptors */
};

static struct lock huge_lock;
static struct link cache;       /* [lock huge] most recently freed first */
static struct link spare;       /* [lock huge] descriptors without a mapping */
/* [lock huge] of the mappings in the cache; relaxed to see whether there may be too many */
static unsigned cached;
static size_t cached_bytes;

static struct huge *huge_of_link(struct link *link) {
  return LINK_OWNER(link, struct huge, link);
}

static struct huge *descriptor_take(int *error) {
  struct huge *huge = NULL;
  lock_take(&huge_lock);
  if (!list_empty(&spare)) {
    huge = huge_of_link(spare.next);
    list_remove(&huge->link);
  }
  lock_drop(&huge_lock);
  return huge ? huge : meta_alloc(sizeof *huge, 16, error);
}

static void descriptor_give(struct huge *huge) {
  lock_take(&huge_lock);
  list_push(&spare, &huge->link);
  lock_drop(&huge_lock);
}

static void count_cached_locked(unsigned mappings, size_t bytes) {
  st_rlx_any(&cached, mappings);
  st_rlx_any(&cached_bytes, bytes);
}

static bool too_many_cached(size_t keep) {
  unsigned n = ld_rlx(&cached);
  return n && (n > HUGE_CACHE || ld_rlx(&cached_bytes) > keep);
}

static void uncache_locked(struct huge *huge) {
  list_remove(&huge->link);
  count_cached_locked(cached - 1, cached_bytes - huge->bytes);
  purge_release(huge->bytes);
}

/* The cached mapping that fits best and wastes at most a quarter; its pages are resident, so what
 * it is too long by is memory. */
static struct huge *cache_take(size_t bytes, size_t align) {
  struct huge *best = NULL;
  lock_take(&huge_lock);
  LIST_EACH(link, &cache) {
    struct huge *huge = huge_of_link(link);
    if (huge->bytes < bytes || huge->bytes - bytes > bytes / 4) continue;
    if ((uintptr_t)huge->base & (align - 1)) continue;
    if (!best || huge->bytes < best->bytes) best = huge;
  }
  if (best) uncache_locked(best);
  lock_drop(&huge_lock);
  return best;
}

static void cache_put(struct huge *huge) {
  uint64_t now = os_milliseconds();
  purge_retain(huge->bytes); /* before others can take, resize and release it */
  lock_take(&huge_lock);
  huge->since = now;
  list_push(&cache, &huge->link);
  count_cached_locked(cached + 1, cached_bytes + huge->bytes);
  lock_drop(&huge_lock);
}

/* A refused munmap loses nothing: the mapping stays in the cache, without its pages. */
static size_t unmap(struct huge *huge) {
  size_t bytes = huge->bytes;
  if (os_unmap(huge->base, bytes)) {
    super_dismiss(bytes);
    count_any(CNT_HUGE_UNMAPPED, 1);
    descriptor_give(huge);
    return bytes;
  }
  os_purge(huge->base, bytes);
  cache_put(huge);
  return 0;
}

/* Takes the oldest mapping out of the cache when more than KEEP bytes or too many are cached, or
 * when it came there at the time BY or before. */
static struct huge *oldest_beyond(size_t keep, uint64_t by) {
  struct huge *oldest = NULL;
  lock_take(&huge_lock);
  if (cached) oldest = huge_of_link(cache.prev);
  if (oldest && cached_bytes <= keep && cached <= HUGE_CACHE && oldest->since > by) oldest = NULL;
  if (oldest) uncache_locked(oldest);
  lock_drop(&huge_lock);
  return oldest;
}

/* Goes on until BATCH bytes are done, nothing is left to do, or the system refuses. */
static size_t drop(size_t keep, uint64_t by, size_t batch) {
  size_t bytes = 0;
  while (bytes < batch) {
    struct huge *oldest = oldest_beyond(keep, by);
    size_t dropped = oldest ? unmap(oldest) : 0;
    if (!dropped) break;
    bytes += dropped;
  }
  return bytes;
}

/* Every slab and run that goes back asks: without the lock, for mostly there is nothing to do. */
size_t huge_drop_cache(size_t keep) {
  return too_many_cached(keep) ? drop(keep, 0, SIZE_MAX) : 0;
}

size_t huge_drop_aged(uint64_t now, size_t batch) {
  uint64_t decay = option(OPT_DECAY_MS);
  if (option(OPT_PURGE) == PURGE_OFF || now < decay) return 0;
  return drop(SIZE_MAX, now - decay, batch);
}

static void publish(struct huge *huge) {
  map_set_super(huge->base, huge);
  map_set_tags(huge->base, 1, TAG_HUGE);
  count_any(CNT_HUGE_LIVE, 1);
  count_any(CNT_HUGE_BYTES, huge->bytes);
}

static struct huge *map_new(size_t bytes, size_t align, struct refusal *why) {
  struct huge *huge;
  if (!super_admit(bytes, why)) return NULL;
  *why = (struct refusal){REASON_MAPFAIL, ENOMEM, bytes};
  huge = descriptor_take(&why->error);
  if (!huge) goto no_descriptor;
  huge->base = os_map_aligned(bytes, align, &why->error);
  if (!huge->base) goto no_memory;
  if (!map_cover(huge->base, &why->error)) goto no_leaf;
  thp_tell(huge->base, bytes);
  huge->bytes = bytes;
  count_any(CNT_HUGE_MAPPED, 1);
  return huge;
no_leaf:
  os_discard(huge->base, bytes);
no_memory:
  descriptor_give(huge);
no_descriptor:
  super_dismiss(bytes);
  return NULL;
}

void *huge_get(size_t size, size_t align, bool *zeroed, struct refusal *why) {
  size_t bytes = round_up(size, os_page_size());
  size_t wide = max_size(align, SUPER_SIZE);
  struct huge *huge = cache_take(bytes, wide);
  decay_pass();
  *zeroed = !huge;
  if (huge)
    count_any(CNT_HUGE_REUSED, 1);
  else
    huge = map_new(bytes, wide, why);
  if (!huge) return NULL;
  publish(huge);
  return huge->base;
}

/* Whoever turns the tag to 0 has the right to the mapping: of two frees of one block, one. */
static struct huge *claim(void *p) {
  struct leaf *leaf = map_leaf(p);
  tag_t expected = TAG_HUGE;
  struct huge *huge;
  if (!cas_acq(&leaf->tag[(uint32_t)(uintptr_t)p >> UNIT_SHIFT], &expected, 0)) return NULL;
  huge = map_super(p);
  map_set_super(p, NULL);
  count_down_any(CNT_HUGE_LIVE, 1);
  count_down_any(CNT_HUGE_BYTES, huge->bytes);
  return huge;
}

void huge_settle(void) {
  /* What freed units retain comes on top: then the cache gives way first, units after it. */
  huge_drop_cache(purge_due() ? purge_budget() / 4 * 3 : SIZE_MAX);
  if (purge_due()) purge_settle();
  decay_pass();
}

bool huge_give(void *p) {
  struct huge *huge;
  if ((uintptr_t)p & (SUPER_SIZE - 1)) return false;
  huge = claim(p);
  if (!huge) return false;
  if (huge->bytes > purge_budget())
    unmap(huge);
  else
    cache_put(huge);
  huge_settle(); /* the live memory fell, and the budget with it */
  return true;
}

size_t huge_size(const void *p) {
  const struct huge *huge = map_super(p);
  return huge->bytes;
}

size_t huge_peek(const void *base) {
  const struct huge *huge = map_super(base); /* its memory stays a descriptor's for ever */
  return huge && (map_tag(base) & TAG_CODE_MASK) == TAG_HUGE ? ld_rlx(&huge->bytes) : 0;
}

unsigned huge_cached(struct huge_range *out, unsigned most) {
  unsigned n = 0;
  lock_take(&huge_lock);
  LIST_EACH(link, &cache) {
    const struct huge *huge = huge_of_link(link);
    if (n == most) break;
    out[n++] = (struct huge_range){huge->base, huge->bytes};
  }
  lock_drop(&huge_lock);
  return n;
}

static void resized(struct huge *huge, size_t bytes) {
  if (bytes > huge->bytes)
    count_any(CNT_HUGE_BYTES, bytes - huge->bytes);
  else
    count_down_any(CNT_HUGE_BYTES, huge->bytes - bytes);
  huge->bytes = bytes;
}

/* Moves the pages to where BYTES fit. The map forgets the old address before the kernel may give it
 * to somebody else, and knows the new one before anybody does. */
static bool move(struct huge *huge, size_t bytes) {
  char *old = huge->base;
  char *to = os_reserve_aligned(bytes, SUPER_SIZE);
  int error;
  bool moved;
  if (!to) return false;
  if (!map_cover(to, &error)) {
    os_discard(to, bytes);
    return false;
  }
  map_set_tags(old, 1, 0);
  map_set_super(old, NULL);
  moved = os_move(old, huge->bytes, bytes, to);
  huge->base = moved ? to : old;
  map_set_super(huge->base, huge);
  map_set_tags(huge->base, 1, TAG_HUGE);
  if (moved) count_any(CNT_HUGE_MOVED, 1);
  return moved;
}

void *huge_resize(void *p, size_t size, struct refusal *why) {
  struct huge *huge = map_super(p);
  size_t old = huge->bytes;
  size_t bytes = round_up(size, os_page_size());
  if (bytes == old) return p;
  if (bytes > old && !super_admit(bytes - old, why)) return NULL;
  if (os_resize(p, old, bytes) || (bytes > old && move(huge, bytes))) {
    if (bytes < old) super_dismiss(old - bytes);
    resized(huge, bytes);
    if (bytes < old) huge_settle();
    return huge->base;
  }
  if (bytes > old) super_dismiss(bytes - old);
  *why = (struct refusal){REASON_MAPFAIL, ENOMEM, bytes};
  return bytes < old ? p : NULL; /* a shrink that is refused leaves the block as large as it was */
}

void huge_fork_take(void) {
  lock_fork_take(&huge_lock);
}

void huge_fork_drop(void) {
  lock_fork_drop(&huge_lock);
}

int huge_check(void) {
  size_t sum = 0;
  unsigned n = 0;
  bool agrees;
  lock_take(&huge_lock);
  LIST_EACH(link, &cache) {
    sum += huge_of_link(link)->bytes;
    n++;
  }
  agrees = sum == cached_bytes && n == cached;
  lock_drop(&huge_lock);
  if (!agrees) text_report("check: S4: the cache of huge mappings does not add up");
  return agrees ? 0 : 1;
}
