/* program - the program to be run, as execvp(3) will find it. */
#ifndef CMD_PROGRAM_H
#define CMD_PROGRAM_H

#include "elf.h"

/* Warns in one line when the loader of program NAME will not preload a library such as LIBRARY.
 * What cannot be found or read is left to execvp. */
void program_warn(const char *name, const struct elf *library);

#endif
