/* block - blocks under test that carry marks, so that a broken allocator cannot look fast.
 *
 * A block begins with its size and a tag made of its size and address, and ends with a byte of the
 * tag. Both are checked before the block is freed, and the tag is inverted then: a block that was
 * overwritten, handed out twice or freed twice ends the program with status 1. Any thread may
 * check and free a block; the caller orders that after the marking.
 */
#ifndef HAK_BENCH_BLOCK_H
#define HAK_BENCH_BLOCK_H

#include "bench.h"

#define BLOCK_LEAST 8 /* bytes: the head; the last byte is then that of the tag */

/* may_alias: it lies in memory that the program knows as bytes. */
struct block_head {
  uint32_t size; /* bytes */
  uint32_t tag;
} __attribute__((may_alias));

static inline uint32_t block_tag(const void *p, uint32_t size) {
  uint64_t mix = ((uint64_t)(uintptr_t)p ^ size) * UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(mix >> 32);
}

/* Marks the SIZE bytes at P, from BLOCK_LEAST to 2^32 - 1. */
static inline void block_mark(void *p, size_t size) {
  struct block_head *head = p;
  head->size = (uint32_t)size;
  head->tag = block_tag(p, head->size);
  ((uint8_t *)p)[size - 1] = (uint8_t)(head->tag >> 24);
}

/* Checks the marks of a block and returns its size in bytes. */
static inline size_t block_check(const void *p) {
  const struct block_head *head = p;
  uint32_t size = head->size, tag = block_tag(p, size);
  if (head->tag != tag) bench_corrupted(p, size, "its head was overwritten, or it was freed");
  if (((const uint8_t *)p)[size - 1] != (uint8_t)(tag >> 24))
    bench_corrupted(p, size, "its end was overwritten");
  return size;
}

/* A marked block of SIZE bytes from malloc. */
static inline void *block_new(size_t size) {
  void *p = malloc(size);
  if (!p) bench_die("malloc returned NULL");
  block_mark(p, size);
  return p;
}

/* Checks the marks of a block, and frees it. */
static inline void block_free(void *p) {
  struct block_head *head = p;
  block_check(p);
  head->tag = ~head->tag;
  bench_keep(p); /* the store would be removed before a free */
  free(p);
}

#endif
