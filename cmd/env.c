/* env - lists every option: its name, type, default, value in force and meaning. */
#include "cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "diag/option.h"

extern char **environ;

enum column { COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT, COLUMN_VALUE, COLUMN_DOC, COLUMNS };

enum { WIDEST = 40, GAP = 2 }; /* a longer value moves the rest of its own line only */

static const char *const headings[COLUMNS] = {"NAME", "TYPE", "DEFAULT", "VALUE", "MEANING"};

static const char *const type_names[] = {
    [TYPE_SWITCH] = "switch", [TYPE_COUNT] = "count", [TYPE_BYTES] = "bytes",
    [TYPE_RATIO] = "ratio",   [TYPE_PATH] = "path",
    [TYPE_WORD] = "word"};

static const char help[] =
    "usage: hakmem env\n"
    "\n"
    "Lists hakmem's options, a line each: name, type, default, the value that a program started\n"
    "in this environment has in force, and meaning. What hakmem would not accept of the\n"
    "environment is named on stderr, as it would be at the start of a program.\n";

static struct text defaults[OPTIONS];
static struct text values[OPTIONS];

static void format_all(struct text *texts, char **environment) {
  load_options(environment);
  for (int i = 0; i < OPTIONS; i++) {
    text_start(&texts[i], -1);
    option_format(&texts[i], i);
    text_chars(&texts[i], "", 1);
  }
}

static const char *type_name(enum option_type type) {
  return type < sizeof type_names / sizeof *type_names ? type_names[type] : "text";
}

static void cells_of(int i, const char *cells[COLUMNS]) {
  cells[COLUMN_NAME] = option_table[i].name;
  cells[COLUMN_TYPE] = type_name(option_table[i].type);
  cells[COLUMN_DEFAULT] = defaults[i].data;
  cells[COLUMN_VALUE] = values[i].data;
  cells[COLUMN_DOC] = option_doc[i];
}

static void widen(size_t widths[COLUMNS], const char *const cells[COLUMNS]) {
  for (int c = 0; c < COLUMNS; c++)
    if (strlen(cells[c]) > widths[c]) widths[c] = min_size(strlen(cells[c]), WIDEST);
}

/* Returns 0, or the status of the failure. */
static int print_row(const char *const cells[COLUMNS], const size_t widths[COLUMNS]) {
  struct text t;
  size_t end = 0;
  text_start(&t, STDOUT_FILENO);
  for (int c = 0; c < COLUMN_DOC; c++) {
    text_str(&t, cells[c]);
    text_str(&t, " ");
    end += widths[c] + GAP;
    text_pad(&t, 0, end);
  }
  text_str(&t, cells[COLUMN_DOC]);
  text_str(&t, "\n");
  return finish_output(&t);
}

static int print_table(void) {
  const char *cells[COLUMNS];
  size_t widths[COLUMNS] = {0};
  int status;
  widen(widths, headings);
  for (int i = 0; i < OPTIONS; i++) {
    cells_of(i, cells);
    widen(widths, cells);
  }
  status = print_row(headings, widths);
  for (int i = 0; i < OPTIONS && !status; i++) {
    cells_of(i, cells);
    status = print_row(cells, widths);
  }
  return status;
}

int cmd_env(char **words) {
  char *nothing[] = {NULL};
  struct text t;
  if (*words && !strcmp(*words, "--help")) {
    text_start(&t, STDOUT_FILENO);
    text_str(&t, help);
    return finish_output(&t);
  }
  if (*words) {
    complain("env: unknown word ", *words, " (hakmem env --help)", (char *)NULL);
    return STATUS_USAGE;
  }
  unsetenv("HAKMEM_LIBRARY"); /* the command's own, no option */
  format_all(defaults, nothing);
  format_all(values, environ);
  return print_table();
}
