#include "symbol.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"

struct table {
  ElfW(Shdr) *sections;
  size_t count;
};

/* The bytes of SECTION in memory of their own, or NULL. */
static void *load(int fd, const ElfW(Shdr) *section) {
  return section->sh_type == SHT_NOBITS ? NULL
                                        : bytes_load(fd, section->sh_offset, section->sh_size);
}

static bool scan(const ElfW(Sym) *symbols, size_t count, const char *strings, size_t length,
                 const char *name, struct symbol *found) {
  size_t wanted = strlen(name) + 1;
  for (size_t i = 0; i < count; i++) {
    const ElfW(Sym) *s = &symbols[i];
    if (s->st_shndx == SHN_UNDEF || s->st_name >= length || wanted > length - s->st_name) continue;
    if (memcmp(strings + s->st_name, name, wanted) != 0) continue;
    *found = (struct symbol){s->st_value, s->st_size};
    return true;
  }
  return false;
}

static bool find_in(int fd, const struct table *table, const ElfW(Shdr) *section, const char *name,
                    struct symbol *found) {
  const ElfW(Shdr) *names;
  ElfW(Sym) *symbols;
  char *strings;
  bool good = false;
  if (section->sh_link >= table->count) return false;
  names = &table->sections[section->sh_link];
  symbols = load(fd, section);
  strings = load(fd, names);
  if (symbols && strings)
    good = scan(symbols, section->sh_size / sizeof *symbols, strings, names->sh_size, name, found);
  free(symbols);
  free(strings);
  return good;
}

static bool find_of_type(int fd, const struct table *table, uint32_t type, const char *name,
                         struct symbol *found) {
  for (size_t i = 0; i < table->count; i++)
    if (table->sections[i].sh_type == type &&
        find_in(fd, table, &table->sections[i], name, found))
      return true;
  return false;
}

bool symbol_find(int fd, const char *name, struct symbol *symbol) {
  ElfW(Ehdr) header;
  struct table table;
  bool found;
  if (!bytes_read(fd, 0, &header, sizeof header) || !bytes_is_elf(&header)) return false;
  if (header.e_shentsize != sizeof *table.sections) return false;
  table.count = header.e_shnum;
  table.sections = bytes_load(fd, header.e_shoff, table.count * sizeof *table.sections);
  if (!table.sections) return false;
  found = find_of_type(fd, &table, SHT_DYNSYM, name, symbol) ||
          find_of_type(fd, &table, SHT_SYMTAB, name, symbol);
  free(table.sections);
  return found;
}
