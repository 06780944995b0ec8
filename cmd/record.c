/* record - makes records of what a ring or a log holds. */
#include "explain.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ace/verdict.h"
#include "base/bits.h"
#include "diag/option.h"

/* --- of a ring --- */

static bool is_possible(const struct failure *f) {
  return f->reason < REASONS && f->tier < TIERS && f->next < NEXT_ROUTES &&
         f->verdict < VERDICTS && f->depth <= FAILURE_DEPTH &&
         f->wmax <= option_table[OPT_WMAX_LARGE].most;
}

/* The one limit that was noted, in FACTS without any other: what would be enough follows from it
 * as it did when the request was refused. */
static void set_fact(struct limits_facts *facts, const struct failure *f) {
  struct limit_fact none = {0, LIMITS_NONE};
  struct limit_fact noted = {f->use, f->limit};
  bool guessed = f->use == 0; /* only then is nothing counted as promised */
  *facts = (struct limits_facts){.page = (uint64_t)sysconf(_SC_PAGESIZE),
                                 .mappings = none,
                                 .user_space = none,
                                 .address_space = none,
                                 .data = none,
                                 .locked = none,
                                 .commit = noted,
                                 .cgroup = none,
                                 .overcommit = OVERCOMMIT_ALWAYS,
                                 .commit_reserve = LIMITS_UNKNOWN,
                                 .memory = f->limit,
                                 .cgroup_hits = 1};
  switch (f->verdict) {
    case VERDICT_MAPPINGS: facts->mappings = noted; break;
    case VERDICT_USER_SPACE: facts->user_space = noted; break;
    case VERDICT_LOCKED: facts->locked = noted; break;
    case VERDICT_ADDRESS_SPACE: facts->address_space = noted; break;
    case VERDICT_DATA: facts->data = noted; break;
    case VERDICT_COMMIT: facts->overcommit = guessed ? OVERCOMMIT_GUESS : OVERCOMMIT_NEVER; break;
    case VERDICT_CGROUP: facts->cgroup = noted; break;
    default: break;
  }
}

/* As ace/refuse asks for it, down to what it adds to the mend. */
static void put_phrase(struct record *record) {
  const struct failure *f = &record->f;
  bool mapping = f->reason == REASON_MAPFAIL;
  struct limits_facts facts;
  struct verdict_request request = {.size = f->size,
                                    .align = mapping ? max_size(f->align, SUPER_SIZE) : f->align,
                                    .bytes = f->bytes,
                                    .error = f->error,
                                    .reason = f->reason,
                                    .hakmem_limit = f->limit,
                                    .hakmem_use = f->use};
  struct verdict verdict;
  struct text t;
  set_fact(&facts, f);
  verdict = ace_verdict(&facts, &request);
  if (verdict.which != f->verdict) /* the reserve of a commit limit is not noted, for instance */
    verdict = (struct verdict){
        .which = f->verdict, .enough = f->use + f->bytes, .mode = facts.overcommit};
  if (mapping) verdict.enough += request.align + 4 * MIB;
  verdict.limit = f->limit;
  verdict.use = f->use;
  text_start(&t, -1);
  verdict_text(&t, &verdict);
  text_chars(&t, "", 1);
  memcpy(record->phrase, t.data, t.used);
}

bool record_of_slot(struct record *record, const struct failure_slot *slot) {
  struct failure *f = &record->f;
  memcpy(f, slot->words, sizeof slot->words);
  record->suppressed = 0;
  record->phrase[0] = 0;
  if (!is_possible(f)) return false;
  /* The recorder notes an unknown limit with "none", and 0 where it did not ask. */
  record->examined = f->verdict != VERDICT_NONE || f->limit == LIMITS_UNKNOWN;
  if (record->examined) put_phrase(record);
  return true;
}

/* --- of a line --- */

/* Each takes what it is called for from the start of *LINE. */

static bool take(const char **line, const char *word) {
  size_t length = strlen(word);
  if (strncmp(*line, word, length) != 0) return false;
  *line += length;
  return true;
}

static bool take_number(const char **line, const char *before, uint64_t *n) {
  char *end;
  if (!take(line, before) || !isdigit((unsigned char)**line)) return false;
  errno = 0;
  *n = strtoull(*line, &end, 10);
  *line = end;
  return errno == 0;
}

static bool take_name(const char **line, const char *before, const char *const *names, int count,
                      uint8_t *index) {
  size_t length;
  if (!take(line, before)) return false;
  length = strcspn(*line, " ");
  for (int i = 0; i < count; i++) {
    /* The tags of the lines have capitals, the names of the reasons have not. */
    if (strlen(names[i]) != length || strncasecmp(*line, names[i], length) != 0) continue;
    *line += length;
    *index = (uint8_t)i;
    return true;
  }
  return false;
}

static bool take_ratio(const char **line, uint32_t *hundredths) {
  uint64_t whole;
  const char *digits;
  uint64_t most = option_table[OPT_WMAX_LARGE].most / 100;
  if (!take_number(line, " wmax=", &whole) || whole > most || !take(line, ".")) return false;
  digits = *line;
  if (!isdigit((unsigned char)digits[0]) || !isdigit((unsigned char)digits[1])) return false;
  *hundredths = (uint32_t)(whole * 100 + (uint64_t)(digits[0] - '0') * 10 +
                           (uint64_t)(digits[1] - '0'));
  *line += 2;
  return true;
}

static bool take_answer(const char **line, struct failure *f) {
  uint64_t error = 0;
  if (strncmp(*line, " bytes=", 7) != 0) return true;
  if (!take_number(line, " bytes=", &f->bytes) || !take_number(line, " errno=", &error))
    return false;
  f->error = (int32_t)error;
  return error <= INT32_MAX;
}

static bool take_phrase(const char **line, struct record *record) {
  struct failure *f = &record->f;
  const char *start = *line + 1;
  const char *text = strstr(start, f->verdict == VERDICT_NONE ? " note=\"" : " mend=\"");
  const char *end = text ? strchr(text + 7, '"') : NULL;
  if (!end || (size_t)(end + 1 - start) >= PHRASE_SIZE) return false;
  memcpy(record->phrase, start, (size_t)(end + 1 - start));
  record->phrase[end + 1 - start] = 0;
  *line = end + 1;
  return true;
}

static bool take_verdict(const char **line, struct record *record) {
  const char *start = *line;
  const char *at = start;
  struct failure *f = &record->f;
  record->examined = !strncmp(start, " verdict=", 9);
  if (!record->examined) return true;
  if (!take_name(&at, " verdict=", verdict_names, VERDICTS, &f->verdict)) return false;
  if (f->verdict != VERDICT_NONE &&
      !(take_number(&at, " limit=", &f->limit) && take_number(&at, " use=", &f->use)))
    return false;
  return take_phrase(line, record);
}

bool record_of_line(struct record *record, const char *line) {
  struct failure *f = &record->f;
  uint64_t thread = 0;
  *f = (struct failure){0};
  record->phrase[0] = 0;
  record->suppressed = 0;
  if (!take_name(&line, "[ACE-FAIL] ", reason_names, REASONS, &f->reason) ||
      !take_name(&line, " tier=", tier_names, TIERS, &f->tier) ||
      !take_number(&line, " size=", &f->size) ||
      !take_number(&line, " class=", &f->class_size) || !take_ratio(&line, &f->wmax) ||
      !take_name(&line, " next=", next_names, NEXT_ROUTES, &f->next) ||
      !take_number(&line, " thread=", &thread))
    return false;
  f->thread = (uint32_t)thread;
  if (thread > UINT32_MAX || !take_answer(&line, f) || !take_verdict(&line, record)) return false;
  if (!strncmp(line, " suppressed=", 12) &&
      !take_number(&line, " suppressed=", &record->suppressed))
    return false;
  return !line[strspn(line, " ")]; /* what a collector of logs may add */
}
