/* cmd - what the files of the hakmem command share.
 *
 * The command reads options with the library's own table and parser (diag/option): what it accepts
 * is what the library accepts.
 */
#ifndef CMD_H
#define CMD_H

#include "base/text.h"

enum {
  STATUS_USAGE = 2,         /* a word, name or value that is not accepted */
  STATUS_FAILED = 125,      /* the command's own failure, as with env(1) */
  STATUS_NOT_STARTED = 126, /* there is a program, but it cannot be executed */
  STATUS_NOT_FOUND = 127,
};

/* The subcommands. WORDS: what follows the subcommand's name, NULL-terminated. */
int cmd_run(char **words);
int cmd_env(char **words);
int cmd_explain(char **words);

/* Writes "hakmem: ", the parts up to NULL and a newline as one line on stderr. Characters that
 * would make it more than a line become "?". */
__attribute__((sentinel)) void complain(const char *part, ...);

/* Flushes T, which goes to stdout. Returns the exit status: 0, or STATUS_FAILED after a line on
 * stderr where not all could be written. */
int finish_output(struct text *t);

/* Takes the options in force from ENVIRONMENT alone, as the library does at its start, with the
 * library's words on stderr for what it does not accept. */
void load_options(char **environment);

/* Does option I accept VALUE? If not, complains of it in the library's words. */
bool judge(int i, const char *value);

#endif
