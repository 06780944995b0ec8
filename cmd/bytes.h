/* bytes - reads parts of files that may be shorter than they say. */
#ifndef CMD_BYTES_H
#define CMD_BYTES_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens the regular file PATH, and never waits. Returns -1, with *WHY in words, where it is none.
 */
int bytes_open(const char *path, const char **why);

/* All N bytes at OFFSET, or false. */
bool bytes_read(int fd, uint64_t offset, void *buffer, size_t n);

/* The same into memory of its own, to be freed. Returns NULL where N is 0, or more than the file
 * holds. */
void *bytes_load(int fd, uint64_t offset, uint64_t n);

/* Is it an ELF file whose class and byte order are this command's? */
bool bytes_is_elf(const ElfW(Ehdr) *header);

#endif
