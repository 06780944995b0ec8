/* spare - descriptors of superslabs that are gone, for those to come.
 *
 * Owns:     the list of spare descriptors; of those whose pages were given back, what they need to
 *           come back.
 * Promise:  a descriptor's memory keeps its type for ever. Without its pages it reads as zeros, as
 *           the state of a retired slab does, so a late reader learns the same. SPARES_RESIDENT
 *           keep their pages: what a heap that has shrunk retains for its descriptors is bounded.
 * Threads:  any; one lock, never held across a system call, under no other.
 * Cost:     two locks; a system call, or two, per descriptor whose pages go.
 * Refuses:  spare_take, what meta_alloc refuses.
 * Inverse:  spare_take / spare_give.
 */
#ifndef SUPER_SPARE_H
#define SUPER_SPARE_H

#include "super/superslab.h"

/* Gives a descriptor for a superslab, or NULL with *ERROR set. */
struct superslab *spare_take(int *error);

/* Takes one back that no list and no map knows any more; its pages go where enough have theirs. */
void spare_give(struct superslab *super);

/* Gives the pages of all spare descriptors back to the system. */
void spare_purge(void);

void spare_fork_take(void); /* before fork: keeps other threads out; inverse: spare_fork_drop */
void spare_fork_drop(void);

#endif
