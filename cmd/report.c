/* report - counts the refusals by cause, and keeps the newest of each. */
#include "explain.h"

#include "ace/verdict.h"
#include "cmd.h"

enum { NOT_EXAMINED = VERDICTS, VERDICT_COLUMNS = VERDICTS + 1 };

enum { COLUMN_TIER = 14, COLUMN_VERDICT = 22, COLUMN_COUNT = 42, COUNT_WIDTH = 10 };

struct cause {
  uint64_t count;
  bool has_newest;
  struct record newest;
};

static struct cause causes[REASONS][TIERS][VERDICT_COLUMNS];

static struct cause *cause_of(const struct failure *f, bool examined) {
  return &causes[f->reason][f->tier][examined ? f->verdict : NOT_EXAMINED];
}

void report_add(struct report *report, const struct record *record) {
  struct cause *cause = cause_of(&record->f, record->examined);
  report->known += 1 + record->suppressed;
  if (record->f.next == NEXT_NONE) report->nulls += 1 + record->suppressed; /* of the same `next` */
  if (report->all) {
    put_record(&report->out, record, report->memory);
    return;
  }
  cause->count++;
  /* What ended in NULL tells more than what another way was tried for. */
  if (record->f.next == NEXT_NONE || !cause->has_newest || cause->newest.f.next != NEXT_NONE)
    cause->newest = *record;
  cause->has_newest = true;
  cause_of(&record->f, false)->count += record->suppressed;
}

static void put_number(struct text *t, const char *before, uint64_t n, const char *after) {
  text_str(t, before);
  text_u64(t, n);
  text_str(t, after);
}

static const char *verdict_name(unsigned verdict) {
  return verdict == NOT_EXAMINED ? "-" : verdict_names[verdict];
}

static void put_row(struct text *t, unsigned reason, unsigned tier, unsigned verdict) {
  const struct cause *cause = &causes[reason][tier][verdict];
  size_t start;
  if (!cause->count) return;
  text_flush(t);
  start = t->used;
  text_str(t, "  ");
  text_str(t, reason_names[reason]);
  text_pad(t, start, COLUMN_TIER);
  text_str(t, tier_names[tier]);
  text_pad(t, start, COLUMN_VERDICT);
  text_str(t, verdict_name(verdict));
  text_pad(t, start, COLUMN_COUNT);
  text_u64_right(t, cause->count, COUNT_WIDTH);
  text_str(t, "\n");
}

static void put_newest(struct text *t, unsigned reason, unsigned tier, unsigned verdict,
                       const struct memory *memory) {
  const struct cause *cause = &causes[reason][tier][verdict];
  if (!cause->has_newest) return;
  text_str(t, "\n");
  text_str(t, reason_names[reason]);
  text_str(t, ", ");
  text_str(t, tier_names[tier]);
  if (verdict != NOT_EXAMINED) text_str(t, ", ");
  if (verdict != NOT_EXAMINED) text_str(t, verdict_name(verdict));
  text_str(t, ", the newest:\n");
  put_sentences(t, &cause->newest, memory);
}

static void put_name(struct text *t, const struct report *report) {
  if (report->memory && report->memory->alive) text_str(t, "process ");
  put_plain(t, report->name);
}

static void put_head(struct text *t, const struct report *report) {
  put_name(t, report);
  put_number(t, ": ", report->known, report->known == 1 ? " refusal" : " refusals");
  if (report->ever > report->known) put_number(t, " known, the last of ", report->ever, "");
  put_number(t, ", ", report->nulls, " of them NULL");
  text_str(t, "\n\n  reason      tier    verdict               refusals\n");
}

static void put_causes(struct report *report) {
  struct text *t = &report->out;
  enum { ALL = REASONS * TIERS * VERDICT_COLUMNS };
  put_head(t, report);
  for (unsigned i = 0; i < ALL; i++)
    put_row(t, i / VERDICT_COLUMNS / TIERS, i / VERDICT_COLUMNS % TIERS, i % VERDICT_COLUMNS);
  for (unsigned i = 0; i < ALL; i++)
    put_newest(t, i / VERDICT_COLUMNS / TIERS, i / VERDICT_COLUMNS % TIERS, i % VERDICT_COLUMNS,
               report->memory);
}

int report_end(struct report *report) {
  struct text *t = &report->out;
  int status;
  if (report->known && !report->all) put_causes(report);
  if (!report->known) {
    put_name(t, report);
    text_str(t, report->damaged ? ": no sound record of a refusal" : ": no refusal is recorded");
    text_str(t, "\n");
  }
  status = finish_output(t);
  if (report->damaged) {
    struct text n;
    text_start(&n, -1);
    text_u64(&n, report->damaged);
    text_chars(&n, "", 1);
    complain("explain: ", report->name, ": left out as damaged: ", n.data, (char *)NULL);
  }
  if (status) return status;
  return report->known ? 0 : STATUS_NOTHING;
}
