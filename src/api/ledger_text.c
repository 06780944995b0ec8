/* The ledger as a table and as JSON. */
#include "api/ledger.h"
#include "base/text.h"
#include "os/process.h"

enum { NAME = 18, NUMBER = 16 }; /* columns */

/* --- text --- */

static void put_remark(struct text *t, const char *remark) {
  if (*remark) text_str(t, "  ");
  text_str(t, remark);
  text_str(t, "\n");
  text_flush(t);
}

static void put_row(struct text *t, const char *name, const char *sign, uint64_t bytes,
                    uint64_t resident, const char *remark) {
  size_t start = t->used;
  text_str(t, name);
  text_pad(t, start, NAME);
  text_str(t, sign);
  text_u64_right(t, bytes, NUMBER);
  text_u64_right(t, resident, NUMBER);
  put_remark(t, remark);
}

static void put_single(struct text *t, const char *name, uint64_t resident, const char *remark) {
  size_t start = t->used;
  text_str(t, name);
  text_pad(t, start, NAME + 1 + NUMBER);
  text_u64_right(t, resident, NUMBER);
  put_remark(t, remark);
}

int ledger_print_classes(const struct hak_ledger_figures *ledger, int fd) {
  struct text t;
  text_start(&t, fd);
  text_str(&t, "     size    slabs       live       free     cached     outbox   ");
  text_str(&t, "resident live bytes\n");
  for (int i = 0; i < HAK_LEDGER_CLASSES; i++) {
    const struct hak_ledger_class *c = &ledger->classes[i];
    if (!c->slabs) continue;
    text_u64_right(&t, c->size, 9);
    text_u64_right(&t, c->slabs, 9);
    text_u64_right(&t, c->live, 11);
    text_u64_right(&t, c->free, 11);
    text_u64_right(&t, c->cached, 11);
    text_u64_right(&t, c->outbox, 11);
    text_u64_right(&t, c->resident, 22);
    text_str(&t, "\n");
    text_flush(&t);
  }
  return t.error;
}

int ledger_print_text(const struct hak_ledger_figures *ledger, int fd) {
  struct text t;
  text_start(&t, fd);
  text_str(&t, "ledger                        bytes        resident  what would shrink it\n");
  for (int i = 0; i < HAK_LEDGER_ROWS; i++) {
    const struct hak_ledger_line *line = &ledger->line[i];
    if (line->bytes) put_row(&t, line->name, " ", line->bytes, line->resident, line->shrink);
  }
  put_row(&t, "not resident", "-", ledger->not_resident, 0, "never touched, or given back");
  put_row(&t, "sum", "=", ledger->resident, ledger->resident, "");
  put_single(&t, "VmRSS", ledger->kernel_resident, "as the kernel counts");
  put_single(&t, "in huge pages", ledger->huge_pages, "AnonHugePages, in the lines above");
  if (ledger->asked) put_single(&t, "asked for", ledger->asked, "of live.slabs' bytes");
  if (!ledger->source) {
    text_str(&t, "(/proc/self/pagemap or smaps is not to be read: residence by mincore, not_ours "
                 "is the rest of VmRSS)\n");
    text_flush(&t);
  }
  return t.error;
}

/* --- JSON --- */

/* BEFORE: what separates the member from what was written. */
static void put_key(struct text *t, const char *before, const char *key) {
  text_str(t, before);
  text_str(t, "\"");
  text_str(t, key);
  text_str(t, "\":");
}

static void put_number(struct text *t, const char *before, const char *key, uint64_t n) {
  put_key(t, before, key);
  text_u64(t, n);
}

/* Names and remarks are ours: they hold neither quotes nor backslashes. */
static void put_string(struct text *t, const char *before, const char *key,
                       const char *value) {
  put_key(t, before, key);
  text_str(t, "\"");
  text_str(t, value);
  text_str(t, "\"");
}

static void put_lines(struct text *t, const struct hak_ledger_figures *ledger) {
  for (int i = 0; i < HAK_LEDGER_ROWS; i++) {
    const struct hak_ledger_line *line = &ledger->line[i];
    put_string(t, i ? ",\n  {" : "\n  {", "name", line->name);
    put_number(t, ",", "bytes", line->bytes);
    put_number(t, ",", "resident", line->resident);
    put_string(t, ",", "shrink", line->shrink);
    text_str(t, "}");
  }
}

static void put_class(struct text *t, const struct hak_ledger_class *c, const char *before) {
  put_number(t, before, "size", c->size);
  put_number(t, ",", "slabs", c->slabs);
  put_number(t, ",", "live", c->live);
  put_number(t, ",", "free", c->free);
  put_number(t, ",", "cached", c->cached);
  put_number(t, ",", "outbox", c->outbox);
  put_number(t, ",", "resident", c->resident);
  text_str(t, "}");
}

static void put_classes(struct text *t, const struct hak_ledger_figures *ledger) {
  bool any = false;
  for (int i = 0; i < HAK_LEDGER_CLASSES; i++) {
    if (!ledger->classes[i].slabs) continue;
    put_class(t, &ledger->classes[i], any ? ",\n  {" : "\n  {");
    any = true;
  }
}

int ledger_print_json(const struct hak_ledger_figures *ledger, int fd) {
  struct text t;
  text_start(&t, fd);
  put_string(&t, "{", "version", HAKMEM_VERSION);
  put_number(&t, ",", "pid", os_process_id());
  put_key(&t, ",\n", "lines");
  text_str(&t, "[");
  put_lines(&t, ledger);
  put_key(&t, "],\n", "classes");
  text_str(&t, "[");
  put_classes(&t, ledger);
  put_number(&t, "],\n", "bytes", ledger->bytes);
  put_number(&t, ",", "not_resident", ledger->not_resident);
  put_number(&t, ",", "resident", ledger->resident);
  put_number(&t, ",\n", "kernel_resident", ledger->kernel_resident);
  put_number(&t, ",", "huge_pages", ledger->huge_pages);
  put_number(&t, ",", "asked", ledger->asked);
  put_number(&t, ",", "source", (uint64_t)ledger->source);
  text_str(&t, "}\n");
  text_flush(&t);
  return t.error;
}
