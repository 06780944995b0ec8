/* log - finds the lines of the trace in a file of any lines. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "explain.h"

static const char TAG[] = "[ACE-FAIL]";

enum { LINE_MOST = 8192 }; /* bytes; a line of the trace has less, whatever a logger puts before */

/* The next line in LINE, terminated, cut where it is longer, unprintable characters as "?". Returns
 * false at the end. */
static bool next_line(FILE *file, char line[LINE_MOST]) {
  size_t used = 0;
  int c = getc_unlocked(file);
  int last = 0;
  if (c == EOF) return false;
  for (; c != EOF && c != '\n'; c = getc_unlocked(file)) {
    if (used < LINE_MOST - 1) line[used++] = c < ' ' || c == 0x7f ? '?' : (char)c;
    last = c;
  }
  if (last == '\r' && used) used--; /* of a line that ends in both */
  line[used] = 0;
  return true;
}

void log_report(struct report *report, int fd) {
  static struct record record;
  char line[LINE_MOST];
  FILE *file = fdopen(fd, "r");
  if (!file) return;
  while (next_line(file, line)) {
    const char *start = strstr(line, TAG);
    if (!start) continue;
    if (record_of_line(&record, start)) report_add(report, &record);
    else report->damaged++;
  }
  fclose(file);
}
