/* memory - the memory of another process, alive or in a core file, and the files mapped in it. */
#ifndef CMD_MEMORY_H
#define CMD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* A part of the memory that a core file holds. */
struct segment {
  uint64_t start;
  uint64_t size;   /* bytes in the file */
  uint64_t offset; /* in the file */
};

/* A file mapped into memory. */
struct mapping {
  uint64_t start;
  uint64_t end;
  uint64_t offset; /* in the file */
  char *path;
  bool deleted;
};

struct memory {
  const char *name; /* what the user called it */
  bool alive;
  int fd; /* the core file, or /proc/PID/mem */
  struct segment *segments;
  size_t segment_count;
  struct mapping *mappings;
  size_t mapping_count;
};

/* Both return false after a line on stderr. memory_close is needed in either case. */
bool memory_of_process(struct memory *memory, const char *pid);
/* FD, which memory_close closes, is an ELF file of this command's kind. */
bool memory_of_core(struct memory *memory, const char *name, int fd);
void memory_close(struct memory *memory);

/* All N bytes at ADDRESS, or false. */
bool memory_read(const struct memory *memory, uint64_t address, void *buffer, size_t n);

/* Is mapping I the first of a module, a program or library? */
bool memory_is_module(const struct memory *memory, size_t i);

/* How far module I lies above the addresses that its file gives. */
uint64_t memory_bias(const struct memory *memory, size_t i);

/* Opens the file that module I was made from, or its copy PATH unless that is NULL. Returns -1
 * where it is not to be had, or is another by now. */
int memory_open_module(const struct memory *memory, size_t i, const char *path);

/* Appends a mapping, PATH of LENGTH bytes copied. Returns false when there is no memory. */
bool memory_add(struct memory *memory, const struct mapping *mapping, const char *path,
                size_t length);

/* ADDRESS as PATH+0xOFFSET, fit for addr2line(1), or as it is where it lies in no file. */
void memory_put_address(struct text *t, const struct memory *memory, uint64_t address);

#endif
