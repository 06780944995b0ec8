#include "memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "bytes.h"
#include "explain.h"

static const char DELETED[] = " (deleted)"; /* what Linux puts behind such a path */

enum { HEAD = 4096 }; /* bytes: of each module a core file holds this much */

void memory_close(struct memory *memory) {
  for (size_t i = 0; i < memory->mapping_count; i++) free(memory->mappings[i].path);
  free(memory->mappings);
  free(memory->segments);
  if (memory->fd >= 0) close(memory->fd);
}

bool memory_add(struct memory *memory, const struct mapping *mapping, const char *path,
                size_t length) {
  size_t suffix = sizeof DELETED - 1;
  size_t n = memory->mapping_count;
  struct mapping *added;
  if ((n & (n + 1)) == 0) { /* room for the next power of two */
    void *moved = realloc(memory->mappings, (2 * n + 1) * sizeof *memory->mappings);
    if (!moved) return false;
    memory->mappings = moved;
  }
  added = &memory->mappings[n];
  *added = *mapping;
  added->deleted = length > suffix && !memcmp(path + length - suffix, DELETED, suffix);
  added->path = strndup(path, length - (added->deleted ? suffix : 0));
  if (!added->path) return false;
  memory->mapping_count = n + 1;
  return true;
}

/* As much of SIZE bytes at ADDRESS as one part of the core file holds. */
static size_t read_part(const struct memory *memory, uint64_t address, void *buffer, size_t size) {
  for (size_t i = 0; i < memory->segment_count; i++) {
    const struct segment *s = &memory->segments[i];
    size_t n;
    if (address < s->start || address - s->start >= s->size) continue;
    n = min_size(size, s->size - (address - s->start));
    return bytes_read(memory->fd, s->offset + (address - s->start), buffer, n) ? n : 0;
  }
  return 0;
}

bool memory_read(const struct memory *memory, uint64_t address, void *buffer, size_t n) {
  char *at = buffer;
  if (memory->alive) return bytes_read(memory->fd, address, buffer, n);
  while (n) {
    size_t got = read_part(memory, address, at, n);
    if (!got) return false;
    at += got;
    address += got;
    n -= got;
  }
  return true;
}

bool memory_is_module(const struct memory *memory, size_t i) {
  ElfW(Ehdr) header;
  const struct mapping *m = &memory->mappings[i];
  if (m->offset != 0) return false;
  if (i > 0 && !strcmp(m[-1].path, m->path)) return false; /* its start, mapped once more */
  /* Where the start was left out of a core file, the file itself has to tell. */
  return !memory_read(memory, m->start, &header, sizeof header) || bytes_is_elf(&header);
}

uint64_t memory_bias(const struct memory *memory, size_t i) {
  ElfW(Ehdr) header;
  ElfW(Phdr) segment;
  uint64_t start = memory->mappings[i].start;
  if (!memory_read(memory, start, &header, sizeof header) || !bytes_is_elf(&header)) return start;
  for (uint64_t k = 0; k < header.e_phnum; k++) {
    uint64_t at = header.e_phoff + k * sizeof segment;
    if (at > HEAD || !memory_read(memory, start + at, &segment, sizeof segment)) return start;
    if (segment.p_type == PT_LOAD) return start - (segment.p_vaddr - segment.p_offset);
  }
  return start;
}

/* Files are replaced while programs run, and core files are carried elsewhere. */
static bool is_same(const struct memory *memory, const struct mapping *m, int fd) {
  char ours[HEAD];
  char theirs[HEAD];
  if (!memory_read(memory, m->start, theirs, sizeof theirs)) return true; /* it was left out */
  return bytes_read(fd, 0, ours, sizeof ours) && !memcmp(ours, theirs, sizeof ours);
}

static int open_same(const struct memory *memory, const struct mapping *m, const char *path) {
  const char *why;
  int fd = bytes_open(path, &why);
  if (fd < 0 || is_same(memory, m, fd)) return fd;
  close(fd);
  return -1;
}

/* By the link that leads to the file even when it is deleted, which not everybody may use; or by
 * its path, as the process sees it. */
static int open_of_process(const struct memory *memory, const struct mapping *m) {
  char path[PATH_MAX];
  int fd;
  snprintf(path, sizeof path, "/proc/%s/map_files/%lx-%lx", memory->name, (unsigned long)m->start,
           (unsigned long)m->end);
  fd = open_same(memory, m, path);
  if (fd >= 0) return fd;
  if (snprintf(path, sizeof path, "/proc/%s/root%s", memory->name, m->path) >= PATH_MAX) return -1;
  return open_same(memory, m, path);
}

int memory_open_module(const struct memory *memory, size_t i, const char *path) {
  const struct mapping *m = &memory->mappings[i];
  if (path) return open_same(memory, m, path);
  return memory->alive ? open_of_process(memory, m) : open_same(memory, m, m->path);
}

/* The module that the file mapping I is of; I itself where it cannot be told. */
static size_t module_of(const struct memory *memory, size_t i) {
  for (size_t k = i + 1; k-- > 0;)
    if (memory->mappings[k].offset == 0 &&
        !strcmp(memory->mappings[k].path, memory->mappings[i].path) && memory_is_module(memory, k))
      return k;
  return i;
}

void memory_put_address(struct text *t, const struct memory *memory, uint64_t address) {
  for (size_t i = 0; i < memory->mapping_count; i++) {
    const struct mapping *m = &memory->mappings[i];
    if (address < m->start || address >= m->end) continue;
    put_plain(t, m->path);
    text_str(t, "+");
    address -= memory_bias(memory, module_of(memory, i));
    break;
  }
  text_hex(t, address);
}
