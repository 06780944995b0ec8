#include "os/smaps.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

/* Reads a number in hex; returns the first character behind it, NULL when there is none. */
static const char *parse_hex(const char *s, uintptr_t *n) {
  const char *p = s;
  for (*n = 0;; p++) {
    bool letter = *p >= 'a' && *p <= 'f';
    if (!letter && !(*p >= '0' && *p <= '9')) break;
    *n = *n * 16 + (uintptr_t)(letter ? *p - 'a' + 10 : *p - '0');
  }
  return p == s ? NULL : p;
}

/* The first line of a mapping: "START-END rights ...". */
static bool parse_start(const char *line, struct smaps_area *area) {
  const char *p = parse_hex(line, &area->start);
  if (!p || *p != '-') return false;
  p = parse_hex(p + 1, &area->end);
  return p && *p == ' ';
}

/* A line such as "Rss:       12 kB". */
static void parse_field(const char *line, const char *name, size_t *bytes) {
  if (!text_begins(line, name)) return;
  for (line += strlen(name); *line == ' '; line++) continue;
  for (*bytes = 0; *line >= '0' && *line <= '9'; line++)
    *bytes = *bytes * 10 + (size_t)(*line - '0');
  *bytes *= KIB;
}

/* Reads on to the first line of the next mapping. Returns false at the end. */
static bool read_to_start(struct smaps *smaps, struct smaps_area *current) {
  while (lines_next(&smaps->lines)) {
    const char *line = smaps->lines.line;
    if (parse_start(line, &smaps->next)) return true;
    parse_field(line, "Rss:", &current->resident);
    parse_field(line, "AnonHugePages:", &current->huge_pages);
    parse_field(line, "LazyFree:", &current->lazy_free);
  }
  smaps->next.end = 0;
  return false;
}

bool smaps_open(struct smaps *smaps) {
  const struct place top = {"", "", 0};
  struct smaps_area none;
  int saved = errno;
  bool open = lines_open(&smaps->lines, &top, "/proc/self/smaps");
  memset(&smaps->next, 0, sizeof smaps->next);
  if (open && !read_to_start(smaps, &none)) {
    lines_close(&smaps->lines);
    open = false;
  }
  errno = saved;
  return open;
}

bool smaps_next(struct smaps *smaps, struct smaps_area *area) {
  int saved = errno;
  if (!smaps->next.end) return false;
  *area = (struct smaps_area){smaps->next.start, smaps->next.end, 0, 0, 0};
  read_to_start(smaps, area);
  errno = saved;
  return true;
}

void smaps_close(struct smaps *smaps) {
  int saved = errno;
  lines_close(&smaps->lines);
  errno = saved;
}
