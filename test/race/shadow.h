/* shadow - one bit for each 16 bytes of the address space: is this memory part of a live block?
 *
 * Owns:     a leaf of 32 MiB for each 4 GiB of addresses that were seen, mapped when first needed.
 * Promise:  two live blocks that share a granule are noticed by whoever claims second.
 * Threads:  any. The accesses are relaxed on purpose: they must not order what the allocator
 *           itself has failed to order, or a race detector would not see it.
 */
#ifndef HAK_TEST_SHADOW_H
#define HAK_TEST_SHADOW_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SHADOW_LEAVES ((size_t)1 << 16) /* addresses of 48 bits */
#define SHADOW_LEAF_SIZE (((size_t)1 << 32) / 16 / 8)

static uint64_t *shadow_leaves[SHADOW_LEAVES];

/* The leaf of ADDRESS; the first to need one maps it. */
static inline uint64_t *shadow_leaf(uintptr_t address) {
  uint64_t **place = &shadow_leaves[address >> 32 & (SHADOW_LEAVES - 1)];
  uint64_t *leaf = __atomic_load_n(place, __ATOMIC_ACQUIRE), *none = NULL;
  void *fresh;
  if (leaf) return leaf;
  fresh = mmap(NULL, SHADOW_LEAF_SIZE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (fresh == MAP_FAILED) abort();
  if (__atomic_compare_exchange_n(place, &none, (uint64_t *)fresh, 0, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE))
    return (uint64_t *)fresh;
  munmap(fresh, SHADOW_LEAF_SIZE);
  return none;
}

/* Sets or clears the granules [FIRST, END), all below one leaf's end, word by word. Gives whether
 * each of them was in the other state before. */
static inline int shadow_change(uint64_t *leaf, size_t first, size_t end, int set) {
  int clean = 1;
  while (first < end) {
    size_t low = first % 64, count = 64 - low < end - first ? 64 - low : end - first;
    uint64_t mask = (count == 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1) << low;
    uint64_t old = set ? __atomic_fetch_or(&leaf[first / 64], mask, __ATOMIC_RELAXED)
                       : __atomic_fetch_and(&leaf[first / 64], ~mask, __ATOMIC_RELAXED);
    if ((old & mask) != (set ? 0 : mask)) clean = 0;
    first += count;
  }
  return clean;
}

/* Marks or unmarks the SIZE bytes at P, at least one granule. */
static inline int shadow_mark(const void *p, size_t size, int set) {
  uintptr_t at = (uintptr_t)p & ~(uintptr_t)15;
  uintptr_t end = ((uintptr_t)p + (size ? size : 1) + 15) & ~(uintptr_t)15;
  int clean = 1;
  while (at < end) {
    uintptr_t leaf_end = ((at >> 32) + 1) << 32;
    uintptr_t stop = end < leaf_end ? end : leaf_end;
    size_t first = (size_t)(at & 0xFFFFFFFF) / 16;
    clean &= shadow_change(shadow_leaf(at), first, first + (size_t)(stop - at) / 16, set);
    at = stop;
  }
  return clean;
}

/* Marks a block as live. Gives 0 when a part of it was live already. */
static inline int shadow_claim(const void *p, size_t size) { return shadow_mark(p, size, 1); }

/* Unmarks a block that is about to be freed. Gives 0 when a part of it was not live. */
static inline int shadow_release(const void *p, size_t size) { return shadow_mark(p, size, 0); }

#endif
