/* map - address space from the system and back: the only mmap, munmap, madvise and mremap.
 *
 * Owns:     nothing; the kernel does.
 * Promise:  memory from os_map* is zeroed, private, readable and writable; a refusal changes
 *           nothing.
 * Threads:  any. errno is preserved; the reason of a refusal comes back as a value.
 * Cost:     one system call; os_map_aligned at most seven.
 * Refuses:  with the errno of the system call.
 * Inverse:  os_map / os_unmap.
 */
#ifndef OS_MAP_H
#define OS_MAP_H

#include "base/config.h"

/* Maps BYTES (a multiple of the page size) at an address the kernel likes.
 * Returns NULL and sets *ERROR when refused. */
void *os_map(size_t bytes, int *error);

/* As os_map, at a multiple of ALIGN (a power of two, at least a page). */
void *os_map_aligned(size_t bytes, size_t align, int *error);

/* Returns false when the kernel refused (its table of mappings is full): the memory is still
 * mapped, and still the caller's. */
bool os_unmap(void *p, size_t bytes);

/* Gives back what nobody will ask for again; what the kernel refuses is offered again later. */
void os_discard(void *p, size_t bytes);

/* As os_unmap, without offering what is owed again: for the box `debt`. */
bool os_unmap_once(void *p, size_t bytes);

/* Gives the pages back; the next touch finds zeros. Returns false when refused: contents are then
 * kept. */
bool os_purge(void *p, size_t bytes);

/* Lets the kernel take the pages when it needs memory; until then, or until the next write, what a
 * touch finds is old or zero, page by page. Returns false when refused (before Linux 4.5, or of
 * locked pages). */
bool os_purge_lazily(void *p, size_t bytes);

/* Makes all pages resident now. Returns false when the kernel cannot (before Linux 5.14) or will
 * not. */
bool os_populate(void *p, size_t bytes);

/* Asks for huge pages in the mapping at P, or refuses them. Returns false when the kernel has no
 * such thing: it works without. */
bool os_huge_pages(void *p, size_t bytes, bool wanted);

/* How many of the BYTES at P, from the start, hold the last resident page; 0: none does. What was
 * swapped out counts as not resident. All of them where the system cannot tell. */
size_t os_resident_end(char *p, size_t bytes);

/* Are all but a few of the BYTES at P resident? Some of them speak for the rest. */
bool os_resident_mostly(char *p, size_t bytes);

/* Resizes a mapping without moving it. Returns false when refused. */
bool os_resize(void *p, size_t old_bytes, size_t new_bytes);

/* Sets BYTES of address space at a multiple of ALIGN aside, without memory. NULL when refused. */
void *os_reserve_aligned(size_t bytes, size_t align);

/* Moves the pages of the mapping at P, of OLD_BYTES, to TO, which os_reserve_aligned gave with
 * NEW_BYTES. Returns false when refused: P is then as it was, and TO is given back. */
bool os_move(void *p, size_t old_bytes, size_t new_bytes, void *to);

#endif
