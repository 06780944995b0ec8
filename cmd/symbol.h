/* symbol - where an ELF file defines a symbol. */
#ifndef CMD_SYMBOL_H
#define CMD_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

struct symbol {
  uint64_t value; /* address before relocation */
  uint64_t size;  /* bytes */
};

/* Looks at the symbols of dynamic linking first, and at all others then: an executable exports none
 * of its own. Returns false where FD is no ELF file of this command's kind, or does not define
 * NAME. FD may be any regular file, however damaged. */
bool symbol_find(int fd, const char *name, struct symbol *symbol);

#endif
