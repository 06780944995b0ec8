/* option - the dials: one table of name, type, default, bounds and meaning.
 *
 * Owns:     the value in force of each option.
 * Promise:  a value outside an option's bounds is named in one line on stderr and never takes
 *           effect.
 * Threads:  any may read; option_load runs once, before the first block is given.
 * Cost:     a read is one load; no option is read on the hit path.
 * Refuses:  option_set: unknown name, bad value, only read at start.
 * Inverse:  option_set / option_format.
 */
#ifndef DIAG_OPTION_H
#define DIAG_OPTION_H

#include "base/atomic.h"
#include "base/config.h"
#include "base/text.h"

enum option {
  OPT_SS_CACHE,
  OPT_PREWARM,
  OPT_RETAIN,
  OPT_LIMIT,
  OPT_VERBOSE,
  OPT_SHOW_STATS,
  OPT_COUNT_CALLS,
  OPT_ACE,
  OPT_TINY_SS_SHARED,
  OPT_WMAX_MID,
  OPT_WMAX_LARGE,
  OPT_ACE_TRACE,
  OPT_LOG,
  OPT_VALIDATE,
  OPT_FORCE_LIBC,
  OPT_LD_SAFE,
  OPT_BLOCK_JEMALLOC,
  OPT_GATE_UNIFIED,
  OPT_SMALLMID,
  OPT_THP,
  OPT_DECAY_MS,
  OPT_BACKGROUND,
  OPT_PURGE,
  OPTIONS
};

enum { OPTION_PATH_MAX = 256 };

/* HAKMEM_THP, in the order of its words. */
enum thp { THP_AUTO, THP_DEFAULT, THP_ALWAYS, THP_NEVER };

/* HAKMEM_PURGE, in the order of its words. */
enum purge_way { PURGE_DONTNEED, PURGE_FREE, PURGE_OFF };

enum option_type {
  TYPE_SWITCH, /* 0 or 1 */
  TYPE_COUNT,  /* a whole number */
  TYPE_BYTES,  /* a whole number, with K, M, G or T behind it for powers of 1,024 */
  TYPE_RATIO,  /* a decimal number, kept in hundredths */
  TYPE_PATH,   /* the name of a file; the value is its length */
  TYPE_WORD,   /* one of the words of option_words; the value is its place there, from 0 on */
};

/* Its text in place, here and below: pointers would each be relocated at start. */
struct option_row {
  char name[32];
  enum option_type type;
  uint64_t standard; /* the default */
  uint64_t least;
  uint64_t most;
  bool live; /* may change in a running process */
};

extern const struct option_row option_table[OPTIONS];
extern const char option_doc[OPTIONS][96]; /* apart: the library itself does not read it */
extern const char option_words[OPTIONS][28]; /* of TYPE_WORD: its words, a blank between two */
extern uint64_t option_value[OPTIONS]; /* [any] relaxed: each value stands alone */

ALWAYS_INLINE uint64_t option(enum option i) {
  return ld_rlx(&option_value[i]);
}

/* The path that HAKMEM_LOG names, or "". */
extern char option_log_path[OPTION_PATH_MAX];

/* Does the environment hold anything for hakmem? */
bool option_given(void);

/* Takes defaults, then the environment; complains of what it cannot accept. */
void option_load(void);

/* NAME with or without "HAKMEM_". Returns 0, -1 unknown, -2 bad value, -3 only read at start. */
int option_set(const char *name, const char *value);

/* The index of the option NAME, or -1. */
int option_find(const char *name);

/* Appends the value in force, as option_set would read it. */
void option_format(struct text *t, enum option i);

#endif
