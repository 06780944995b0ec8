/* library - where libhakmem.so is. */
#ifndef CMD_LIBRARY_H
#define CMD_LIBRARY_H

#include <limits.h>

#include "elf.h"

struct library {
  char path[PATH_MAX]; /* absolute, fit for LD_PRELOAD */
  struct elf elf;
};

/* Looks at HAKMEM_LIBRARY or else beside the command, in ../lib, ../lib/MACHINE-linux-gnu and
 * ../lib64. Returns 0, or STATUS_FAILED after a line on stderr. */
int library_find(struct library *library);

/* Makes PATH absolute, in ABSOLUTE, without following links. Returns false when it is too long. */
bool absolute_path(const char *path, char absolute[PATH_MAX]);

#endif
