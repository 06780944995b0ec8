/* sentence - a record in words. */
#include "explain.h"

#include <string.h>

#include "ace/verdict.h"

static const char *const parts[] = {"mend=\"", "note=\""};

void put_plain(struct text *t, const char *s) {
  for (; *s; s++) text_chars(t, (unsigned char)*s < ' ' || *s == 0x7f ? "?" : s, 1);
}

static void put_number(struct text *t, const char *before, uint64_t n, const char *after) {
  text_str(t, before);
  text_u64(t, n);
  text_str(t, after);
}

static void put_request(struct text *t, const struct failure *f) {
  put_number(t, "  Thread ", f->thread, " asked for ");
  put_number(t, "", f->size, " bytes");
  if (f->align > GRAIN) put_number(t, " at a multiple of ", f->align, "");
  text_str(t, ".\n");
}

static void put_threshold(struct text *t, const struct failure *f) {
  put_number(t, "  The router refused the class of ", f->class_size, " bytes: more than ");
  text_hundredths(t, f->wmax);
  text_str(t, " times the size (W_MAX).\n");
}

static void put_system(struct text *t, const struct failure *f) {
  if (!f->bytes) {
    text_str(t, "  hakmem had no memory for its own records of the thread.\n");
    return;
  }
  put_number(t, "  The system refused ", f->bytes, " bytes: ");
  text_str(t, f->error ? strerror(f->error) : "it did not say why");
  put_number(t, " (errno ", (uint64_t)f->error, ").\n");
}

/* Which step refused. */
static void put_step(struct text *t, const struct failure *f) {
  switch (f->reason) {
    case REASON_THRESHOLD: put_threshold(t, f); break;
    case REASON_EXHAUSTION:
      text_str(t, "  The pool refused: it may not take more memory from the system.\n");
      break;
    case REASON_MAPFAIL: put_system(t, f); break;
    default:
      text_str(t, "  The front refused: the size is above PTRDIFF_MAX, or computing it "
                  "overflows.\n");
  }
}

static void put_limit(struct text *t, const struct failure *f) {
  const char *unit = f->verdict == VERDICT_MAPPINGS ? " mappings" : " bytes";
  if (f->verdict == VERDICT_NONE) return;
  if (f->verdict == VERDICT_IMPOSSIBLE) {
    put_number(t, "  No object can have more than ", f->limit, " bytes.\n");
    return;
  }
  text_str(t, "  The limit ");
  text_str(t, verdict_names[f->verdict]);
  put_number(t, " is ", f->limit, unit);
  put_number(t, ", and ", f->use, " of them were in use.\n");
}

/* The text behind NAME in the phrase: the mend or the note. */
static void put_part(struct text *t, const char *before, const char *phrase, const char *name) {
  const char *start = strstr(phrase, name);
  if (!start) return;
  start += strlen(name);
  text_str(t, before);
  text_chars(t, start, strcspn(start, "\""));
  text_str(t, ".\n");
}

static void put_ratio(struct text *t, const struct failure *f) {
  if (!f->size || f->class_size > UINT64_MAX / 100) return;
  text_str(t, "  To mend it: HAKMEM_WMAX_");
  text_str(t, f->size <= MID_MAX ? "MID=" : "LARGE=");
  text_hundredths(t, (f->class_size * 100 + f->size - 1) / f->size);
  text_str(t, " or more.\n");
}

static void put_cause(struct text *t, const struct record *record) {
  if (record->examined) {
    put_limit(t, &record->f);
    put_part(t, "  Why: ", record->phrase, parts[1]);
    put_part(t, "  To mend it: ", record->phrase, parts[0]);
  } else if (record->f.reason != REASON_THRESHOLD) {
    text_str(t, "  Which limit it was is not known: of a cause that repeats, only the first ten\n"
                "  and every power of two are looked into.\n");
  } else {
    put_ratio(t, &record->f);
  }
}

static void put_outcome(struct text *t, const struct failure *f) {
  static const char *const outcomes[NEXT_ROUTES] = {
      [NEXT_NONE] = "  It ended in NULL.\n",
      [NEXT_RUN] = "  It was passed on to a run of whole 64 KiB units, and is served from there\n"
                   "  unless that is refused, too.\n",
      [NEXT_MAPPING] = "  It was passed on to a mapping of its own, and is served from there\n"
                       "  unless that is refused, too.\n",
  };
  text_str(t, outcomes[f->next]);
}

void put_sentences(struct text *t, const struct record *record, const struct memory *memory) {
  const struct failure *f = &record->f;
  put_request(t, f);
  put_step(t, f);
  put_cause(t, record);
  put_outcome(t, f);
  if (memory && f->depth) text_str(t, "  Called from:\n");
  for (uint32_t i = 0; memory && i < f->depth; i++) {
    text_str(t, "    ");
    memory_put_address(t, memory, f->callers[i]);
    text_str(t, "\n");
  }
}

void put_record(struct text *t, const struct record *record, const struct memory *memory) {
  const struct failure *f = &record->f;
  text_str(t, reason_names[f->reason]);
  text_str(t, " tier=");
  text_str(t, tier_names[f->tier]);
  put_number(t, " size=", f->size, "");
  put_number(t, " class=", f->class_size, "");
  text_str(t, " wmax=");
  text_hundredths(t, f->wmax);
  text_str(t, " next=");
  text_str(t, next_names[f->next]);
  put_number(t, " thread=", f->thread, "");
  if (f->reason == REASON_MAPFAIL) {
    put_number(t, " bytes=", f->bytes, "");
    put_number(t, " errno=", (uint64_t)f->error, "");
  }
  if (record->examined) text_str(t, " ");
  text_str(t, record->phrase);
  if (record->suppressed) put_number(t, " suppressed=", record->suppressed, "");
  if (f->time) put_number(t, " time=", f->time, "");
  for (uint32_t i = 0; memory && i < f->depth; i++) {
    text_str(t, i ? "," : " callers=");
    memory_put_address(t, memory, f->callers[i]);
  }
  text_str(t, "\n");
}
