/* elf - what the headers of an ELF file say of it. */
#ifndef CMD_ELF_H
#define CMD_ELF_H

#include <stdbool.h>
#include <stdint.h>

struct elf {
  uint8_t class;    /* ELFCLASS64, ... */
  uint16_t machine; /* EM_X86_64, ... */
  uint16_t type;    /* ET_EXEC, ET_DYN, ... */
  bool has_interp;  /* does it name a loader? Known for files of this command's own class only */
};

/* Returns false when PATH cannot be read or is no ELF file. */
bool elf_read(const char *path, struct elf *elf);

/* Is it a shared library that a process of this command's class can load? */
bool elf_is_library(const struct elf *elf);

#endif
