/* explain - what the files of `hakmem explain` share. */
#ifndef CMD_EXPLAIN_H
#define CMD_EXPLAIN_H

#include "diag/failure.h"
#include "memory.h"

enum { STATUS_NOTHING = 1 }; /* nothing was recorded, or it cannot be read */

enum { PHRASE_SIZE = 1024 };

/* A refusal, from a ring or from a line of a log. */
struct record {
  struct failure f;
  uint64_t suppressed; /* refusals before it that were left out, whose verdict is not known */
  bool examined;       /* was it asked which limit refused? */
  char phrase[PHRASE_SIZE]; /* as verdict_text words it: verdict=..., "" when not examined */
};

/* Writes the refusals as they come, or counts them. */
struct report {
  struct text out;
  const char *name;            /* of what is explained */
  const struct memory *memory; /* whose addresses the callers are; NULL: there are none */
  bool all;
  uint64_t ever;    /* refusals of which the last ones are known; 0: not known */
  uint64_t damaged; /* records or lines that could not be understood */
  uint64_t known;   /* refusals known, and */
  uint64_t nulls;   /* of these, those that ended in NULL */
};

/* "explain: ", WHAT, NAME, ": ", WHY as a line on stderr. Returns false. */
bool cannot_explain(const char *what, const char *name, const char *why);

/* Appends S with "?" for what a terminal might take for a command. */
void put_plain(struct text *t, const char *s);

/* Takes what a slot holds. Returns false where no recorder can have written it. */
bool record_of_slot(struct record *record, const struct failure_slot *slot);

/* Takes a line of a log, all of it printable. Returns false where it is no whole line of the trace.
 */
bool record_of_line(struct record *record, const char *line);

/* The newest record comes last. */
void report_add(struct report *report, const struct record *record);

/* Returns the exit status. */
int report_end(struct report *report);

/* In sentences. */
void put_sentences(struct text *t, const struct record *record, const struct memory *memory);

/* As one line. */
void put_record(struct text *t, const struct record *record, const struct memory *memory);

/* Reports the ring in MEMORY. Returns false after a line on stderr. */
bool ring_report(struct report *report, const struct memory *memory);

/* Reports the lines of a log. */
void log_report(struct report *report, int fd);

#endif
