#include "elf.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

enum { OWN_CLASS = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32 };

static bool names_loader(int fd, const ElfW(Ehdr) *header) {
  ElfW(Phdr) segment;
  for (int i = 0; i < header->e_phnum; i++) {
    off_t at = (off_t)(header->e_phoff + (size_t)i * header->e_phentsize);
    if (pread(fd, &segment, sizeof segment, at) != (ssize_t)sizeof segment) return false;
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

bool elf_read(const char *path, struct elf *elf) {
  ElfW(Ehdr) header;
  /* Not to wait for a writer where PATH is a FIFO. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  bool good = fd >= 0 && pread(fd, &header, sizeof header, 0) == (ssize_t)sizeof header &&
              !memcmp(header.e_ident, ELFMAG, SELFMAG);
  if (good) {
    elf->class = header.e_ident[EI_CLASS];
    elf->machine = header.e_machine;
    elf->type = header.e_type;
    elf->has_interp = elf->class == OWN_CLASS && names_loader(fd, &header);
  }
  if (fd >= 0) close(fd);
  return good;
}

bool elf_is_library(const struct elf *elf) {
  return elf->class == OWN_CLASS && elf->type == ET_DYN && !elf->has_interp;
}
