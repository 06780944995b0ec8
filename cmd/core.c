/* core - the memory that a core file holds. */
#include "memory.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "explain.h"

/* The number of program headers, which may not fit its field. 0: the file is damaged. */
static uint64_t count_headers(int fd, const ElfW(Ehdr) *header) {
  ElfW(Shdr) first;
  if (header->e_phentsize != sizeof(ElfW(Phdr))) return 0;
  if (header->e_phnum != PN_XNUM) return header->e_phnum;
  return bytes_read(fd, header->e_shoff, &first, sizeof first) ? first.sh_info : 0;
}

static bool add_segments(struct memory *memory, const ElfW(Phdr) *headers, uint64_t count) {
  memory->segments = calloc(count, sizeof *memory->segments);
  if (!memory->segments) return false;
  for (uint64_t i = 0; i < count; i++) {
    const ElfW(Phdr) *h = &headers[i];
    if (h->p_type == PT_LOAD && h->p_filesz)
      memory->segments[memory->segment_count++] =
          (struct segment){h->p_vaddr, h->p_filesz, h->p_offset};
  }
  return true;
}

/* DATA: SIZE bytes of a note NT_FILE: the number of files, the unit of the offsets, a triple of
 * words for each, then their names. */
static bool add_files(struct memory *memory, const char *data, uint64_t size) {
  uint64_t head[2];
  uint64_t words[3];
  const char *name;
  if (size < sizeof head) return false;
  memcpy(head, data, sizeof head);
  if (head[0] > (size - sizeof head) / sizeof words) return false;
  name = data + sizeof head + head[0] * sizeof words;
  for (uint64_t i = 0; i < head[0]; i++) {
    struct mapping mapping = {0};
    size_t left = (size_t)(data + size - name);
    size_t length = strnlen(name, left);
    if (length == left) return false; /* not terminated */
    memcpy(words, data + sizeof head + i * sizeof words, sizeof words);
    mapping.start = words[0];
    mapping.end = words[1];
    mapping.offset = words[2] * head[1];
    if (!memory_add(memory, &mapping, name, length)) return false;
    name += length + 1;
  }
  return true;
}

static uint64_t rounded(uint64_t n) {
  return (n + 3) & ~(uint64_t)3;
}

/* NOTES: SIZE bytes of a segment PT_NOTE. Returns false where they are damaged. */
static bool read_notes(struct memory *memory, const char *notes, uint64_t size) {
  ElfW(Nhdr) note;
  while (size >= sizeof note) {
    uint64_t name;
    uint64_t whole;
    memcpy(&note, notes, sizeof note);
    name = sizeof note + rounded(note.n_namesz);
    whole = name + rounded(note.n_descsz);
    if (name + note.n_descsz > size) return false;
    if (note.n_type == NT_FILE && note.n_namesz == sizeof "CORE" &&
        !memcmp(notes + sizeof note, "CORE", sizeof "CORE"))
      return add_files(memory, notes + name, note.n_descsz);
    if (whole >= size) break;
    notes += whole;
    size -= whole;
  }
  return true;
}

static bool read_headers(struct memory *memory, const ElfW(Phdr) *headers, uint64_t count) {
  bool good = add_segments(memory, headers, count);
  for (uint64_t i = 0; i < count && good; i++) {
    char *notes;
    if (headers[i].p_type != PT_NOTE || !headers[i].p_filesz) continue;
    notes = bytes_load(memory->fd, headers[i].p_offset, headers[i].p_filesz);
    good = notes && read_notes(memory, notes, headers[i].p_filesz);
    free(notes);
  }
  return good;
}

bool memory_of_core(struct memory *memory, const char *name, int fd) {
  ElfW(Ehdr) header;
  ElfW(Phdr) *headers = NULL;
  uint64_t count = 0;
  bool good;
  *memory = (struct memory){.name = name, .fd = fd};
  good = bytes_read(fd, 0, &header, sizeof header);
  if (good) count = count_headers(fd, &header);
  if (count) headers = bytes_load(fd, header.e_phoff, count * sizeof *headers);
  good = headers && read_headers(memory, headers, count);
  free(headers);
  if (!good) return cannot_explain("", name, "this core file is damaged or cut short");
  if (memory->mapping_count) return true;
  return cannot_explain("", name, "this core file does not name the files that were mapped");
}
