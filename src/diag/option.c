#include "diag/option.h"

#include <string.h>

#include "base/bits.h"
#include "os/process.h"

static const uint64_t NO_BOUND = UINT64_MAX / 2;

const struct option_row option_table[OPTIONS] = {
    {"HAKMEM_SS_CACHE", TYPE_COUNT, 16, 0, 65536, true},
    {"HAKMEM_PREWARM", TYPE_COUNT, 0, 0, 65536, false},
    {"HAKMEM_RETAIN", TYPE_BYTES, 16 << 20, 0, UINT64_MAX / 2, true},
    {"HAKMEM_LIMIT", TYPE_BYTES, 0, 0, UINT64_MAX / 2, true},
    {"HAKMEM_VERBOSE", TYPE_SWITCH, 0, 0, 1, false},
    {"HAKMEM_SHOW_STATS", TYPE_SWITCH, 0, 0, 1, false},
    {"HAKMEM_COUNT_CALLS", TYPE_SWITCH, 0, 0, 1, false},
    {"HAKMEM_ACE", TYPE_SWITCH, 1, 0, 1, true},
    {"HAKMEM_TINY_SS_SHARED", TYPE_COUNT, 2, 0, 2, false},
    {"HAKMEM_WMAX_MID", TYPE_RATIO, 160, 100, 100000, false},
    {"HAKMEM_WMAX_LARGE", TYPE_RATIO, 130, 100, 100000, false},
    {"HAKMEM_ACE_TRACE", TYPE_SWITCH, 0, 0, 1, true},
    {"HAKMEM_LOG", TYPE_PATH, 0, 0, OPTION_PATH_MAX - 1, false},
    {"HAKMEM_TINY_SLL_VALIDATE_HDR", TYPE_SWITCH, DEBUG_LEVEL >= 2, 0, 1, true},
    {"HAKMEM_FORCE_LIBC_ALLOC", TYPE_SWITCH, 0, 0, 1, false},
    {"HAKMEM_LD_SAFE", TYPE_COUNT, 0, 0, 2, false},
    {"HAKMEM_LD_BLOCK_JEMALLOC", TYPE_SWITCH, 0, 0, 1, false},
    {"HAKMEM_FRONT_GATE_UNIFIED", TYPE_SWITCH, 1, 0, 1, false},
    {"HAKMEM_SMALLMID_ENABLE", TYPE_SWITCH, 0, 0, 1, false},
    {"HAKMEM_THP", TYPE_WORD, THP_AUTO, 0, THP_NEVER, false},
    {"HAKMEM_DECAY_MS", TYPE_COUNT, 10000, 0, 1000000000, true},
    {"HAKMEM_BACKGROUND", TYPE_SWITCH, 0, 0, 1, false},
    {"HAKMEM_PURGE", TYPE_WORD, PURGE_DONTNEED, 0, PURGE_OFF, true},
};

/* In the order of the table. */
const char option_doc[OPTIONS][96] = {
    "empty superslabs of 4 MiB kept mapped, the least recently used given back first",
    "superslabs mapped and made resident at start",
    "bytes of freed memory kept resident; a tenth of what slabs and large blocks take if more",
    "bytes of address space hakmem may map for blocks; 0: as much as the system gives",
    "one line on stderr at start: version, mode, options that differ from their defaults",
    "the statistics on stderr at exit",
    "count the calls of malloc and free: closes the gates, each call takes the long way",
    "magazines adapt to the demand that they see; 0: every class keeps its base capacity",
    "the backend of slabs; 2: the shared pool; 1: then a pool of the thread's own; 0: only that",
    "largest ratio of class to size accepted for sizes above 1 KiB and up to 32 KiB",
    "largest ratio of class to size accepted for sizes above 32 KiB",
    "a line on stderr for each refusal: what was asked, which step refused, why, what next",
    "a file to which traces and statistics are appended, instead of stderr",
    "check every block that is freed: closes the gates, each call takes the long way",
    "everything is served by libc",
    "0: hakmem serves all sizes; 1: libc those above 1 KiB; 2: libc all",
    "let libc serve everything where jemalloc is loaded in the process",
    "magazines for all classes; 0: up to 1 KiB only, larger sizes go straight to the pool",
    "where the gate is not unified: keep the magazines of 1 to 8 KiB",
    "huge pages for blocks: where they will be full, as the system is set, asked for, or refused",
    "milliseconds after which freed memory goes back to the system; 0: at once",
    "a thread that gives aged memory back while the program idles",
    "how pages go back: at once, when the system needs them, or not unless asked",
};

const char option_words[OPTIONS][28] = {
    [OPT_THP] = "auto default always never",
    [OPT_PURGE] = "dontneed free off",
};

uint64_t option_value[OPTIONS];
char option_log_path[OPTION_PATH_MAX];

/* "HAKMEM_", its first character lowest. A number is part of the code: a process without options
 * reads no page of constants. */
static const uint64_t PREFIX = 0x5f4d454d4b4148;
enum { PREFIX_LENGTH = 7 };
static const char OF_THE_COMMAND[] = "HAKMEM_LIBRARY="; /* where hakmem(1) finds the library */

/* Reads digits; returns the first character behind them, NULL when there are none or too many. */
static const char *parse_digits(const char *s, uint64_t *n) {
  const char *p = s;
  *n = 0;
  for (; *p >= '0' && *p <= '9'; p++) {
    if (*n > (UINT64_MAX - 9) / 10) return NULL;
    *n = *n * 10 + (uint64_t)(*p - '0');
  }
  return p == s ? NULL : p;
}

/* Reads a size's suffix: K, KB, KiB, M, ... in either case. Returns the shift, or -1. */
static int parse_suffix(const char *s) {
  size_t letter;
  if (!*s) return 0;
  letter = text_until("kmgt", (char[]){(char)(*s | 0x20), 0});
  if (letter == 4) return (*s == 'b' || *s == 'B') && !s[1] ? 0 : -1;
  s++;
  if ((*s | 0x20) == 'i') s++;
  if ((*s | 0x20) == 'b') s++;
  return *s ? -1 : 10 * (int)(letter + 1);
}

/* Hundredths from "1", "1.6" or "1.60"; further digits are not worth a refusal. */
static bool parse_ratio(const char *s, uint64_t *hundredths) {
  uint64_t whole;
  const char *p = parse_digits(s, &whole);
  uint64_t part = 0;
  if (!p || whole > 1000000) return false;
  if (*p == '.') {
    p++;
    for (int i = 0; i < 2; i++) {
      part *= 10;
      if (*p >= '0' && *p <= '9') part += (uint64_t)(*p++ - '0');
    }
    while (*p >= '0' && *p <= '9') p++;
  }
  *hundredths = whole * 100 + part;
  return !*p;
}

/* Copied: a program may overwrite its environment. There is one option of this type. */
static bool parse_path(const char *s, uint64_t *length) {
  *length = strlen(s);
  if (*length == 0 || *length >= OPTION_PATH_MAX) return false;
  memcpy(option_log_path, s, *length + 1);
  return true;
}

/* The N-th word of ROW's, from 0 on. Returns its length; 0 when there are not so many. */
static size_t word_at(const struct option_row *row, uint64_t n, const char **word) {
  const char *words = option_words[row - option_table];
  for (; n && *words; words++) n -= *words == ' ';
  *word = words;
  return text_until(words, " ");
}

static bool parse_word(const struct option_row *row, const char *s, uint64_t *place) {
  const char *word;
  for (*place = 0;; ++*place) {
    size_t length = word_at(row, *place, &word);
    if (!length) return false;
    if (strlen(s) == length && text_begins(word, s)) return true;
  }
}

static bool parse(const struct option_row *row, const char *s, uint64_t *value) {
  const char *rest;
  int shift;
  if (row->type == TYPE_PATH) return parse_path(s, value);
  if (row->type == TYPE_WORD) return parse_word(row, s, value);
  if (row->type == TYPE_RATIO) return parse_ratio(s, value);
  rest = parse_digits(s, value);
  if (!rest) return false;
  shift = row->type == TYPE_BYTES ? parse_suffix(rest) : *rest ? -1 : 0;
  if (shift < 0 || *value > NO_BOUND >> shift) return false;
  *value <<= shift;
  return true;
}

static void put_word(struct text *t, const struct option_row *row, uint64_t place) {
  const char *word;
  size_t length = word_at(row, place, &word);
  text_chars(t, word, length);
}

static void put_value(struct text *t, const struct option_row *row, uint64_t value) {
  if (row->type == TYPE_RATIO)
    text_hundredths(t, value);
  else if (row->type == TYPE_PATH)
    text_str(t, value ? option_log_path : "unset");
  else if (row->type == TYPE_WORD)
    put_word(t, row, value);
  else
    text_u64(t, value);
}

static void put_accepted(struct text *t, const struct option_row *row) {
  static const char *const accepts[] = {"0 or 1", "a number", "a size in bytes such as 64M",
                                        "a ratio such as 1.60",
                                        "the name of a file, up to 255 bytes", "one of"};
  text_str(t, accepts[row->type]);
  if (row->type == TYPE_WORD) {
    for (uint64_t i = 0; i <= row->most; i++) {
      text_str(t, i ? ", " : " ");
      put_word(t, row, i);
    }
  }
  if (row->type == TYPE_SWITCH || row->type == TYPE_PATH || row->type == TYPE_WORD) return;
  text_str(t, ", from ");
  put_value(t, row, row->least);
  if (row->most >= NO_BOUND) return;
  text_str(t, " to ");
  put_value(t, row, row->most);
}

COLD static void complain_value(const struct option_row *row, const char *value, uint64_t kept) {
  struct text t;
  text_start(&t, text_stderr());
  text_str(&t, "hakmem: ");
  text_str(&t, row->name);
  text_str(&t, "=");
  text_chars(&t, value, min_size(strlen(value), 80));
  text_str(&t, " is not accepted (it takes ");
  put_accepted(&t, row);
  text_str(&t, "); it stays at ");
  put_value(&t, row, kept);
  text_str(&t, "\n");
  text_flush(&t);
}

COLD static void complain_name(const char *name, size_t length) {
  struct text t;
  text_start(&t, text_stderr());
  text_str(&t, "hakmem: unknown option ");
  text_chars(&t, name, min_size(length, 80));
  text_str(&t, " is ignored (HAKMEM_VERBOSE=1 shows what is in force)\n");
  text_flush(&t);
}

static bool has_prefix(const char *s) {
  uint64_t left = PREFIX;
  for (; left && *s == (char)(left & 0xff); left >>= 8) s++;
  return !left;
}

static int find_chars(const char *name, size_t length) {
  if (length > PREFIX_LENGTH && has_prefix(name)) {
    name += PREFIX_LENGTH;
    length -= PREFIX_LENGTH;
  }
  for (int i = 0; i < OPTIONS; i++) {
    const char *own = option_table[i].name + PREFIX_LENGTH;
    if (strlen(own) == length && text_begins(name, own)) return i;
  }
  return -1;
}

int option_find(const char *name) {
  return find_chars(name, strlen(name));
}

static bool accept(int i, const char *value) {
  const struct option_row *row = &option_table[i];
  uint64_t parsed;
  if (!parse(row, value, &parsed) || parsed < row->least || parsed > row->most) {
    complain_value(row, value, option(i));
    return false;
  }
  st_rlx(&option_value[i], parsed);
  return true;
}

int option_set(const char *name, const char *value) {
  int i = option_find(name);
  if (i < 0) return -1;
  if (!option_table[i].live) return -3;
  return accept(i, value) ? 0 : -2;
}

/* The next variable of the environment from *P on that begins with the prefix, or NULL. */
static const char *next_given(char ***p) {
  while (*p && **p) {
    const char *entry = *(*p)++;
    if (has_prefix(entry)) return entry;
  }
  return NULL;
}

/* A privileged program reads none: its caller must not choose files that it writes, checks that it
 * drops, or lines in its stderr. */
bool option_given(void) {
  char **environment = os_environment();
  return next_given(&environment) && !os_secure();
}

void option_load(void) {
  char **environment = os_secure() ? NULL : os_environment();
  const char *entry;
  for (int i = 0; i < OPTIONS; i++) st_rlx(&option_value[i], option_table[i].standard);
  while ((entry = next_given(&environment))) {
    size_t length = text_until(entry, "=");
    int i = find_chars(entry, length);
    if (!entry[length] || text_begins(entry, OF_THE_COMMAND)) continue;
    if (i < 0)
      complain_name(entry, length);
    else
      accept(i, entry + length + 1);
  }
}

void option_format(struct text *t, enum option i) {
  put_value(t, &option_table[i], option(i));
}
