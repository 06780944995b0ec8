/* meta - memory for descriptors, apart from all blocks.
 *
 * Owns:     mappings of descriptors, handed out from the bottom up.
 * Promise:  zeroed, aligned as asked; what it gave keeps its type for ever, so that a late reader
 *           of a retired descriptor reads a descriptor.
 * Threads:  any.
 * Cost:     one lock; one mapping per 512 KiB.
 * Refuses:  when the system refuses a mapping.
 * Inverse:  none: its users keep free lists.
 * Gauges:   super.meta_bytes.
 */
#ifndef SUPER_META_H
#define SUPER_META_H

#include "base/config.h"

/* A mapping of descriptors begins with where the mapping before it is. */
struct meta_chunk {
  struct meta_chunk *next; /* [const] */
  size_t bytes;            /* [const] all of it */
};

/* The mapping made last, or NULL; `next` leads to all of them. */
const struct meta_chunk *meta_chunks(void);

/* Returns BYTES at a multiple of ALIGN (at most a page), or NULL with *ERROR set. */
void *meta_alloc(size_t bytes, size_t align, int *error);

void meta_fork_take(void); /* before fork: keeps other threads out; inverse: meta_fork_drop */
void meta_fork_drop(void);

#endif
