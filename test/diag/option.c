/* option - every row's default and bounds, the spellings of its values, and what is refused. */
#include "diag/option.h"

#include <sys/auxv.h>

#include "helpers/box.h"

static bool privileged; /* what the kernel is to say of this program */

/* Of its words no other is needed here. */
unsigned long getauxval(unsigned long type) {
  return type == AT_SECURE && privileged;
}

/* What the documentation says of each option. */
static const struct {
  const char *name;
  uint64_t standard;
  bool live;
} documented[] = {
    {"HAKMEM_SS_CACHE", 16, true},     {"HAKMEM_PREWARM", 0, false},
    {"HAKMEM_RETAIN", 16777216, true}, {"HAKMEM_LIMIT", 0, true},
    {"HAKMEM_VERBOSE", 0, false},      {"HAKMEM_SHOW_STATS", 0, false},
    {"HAKMEM_COUNT_CALLS", 0, false},  {"HAKMEM_TINY_SS_SHARED", 2, false},
    {"HAKMEM_WMAX_MID", 160, false},   {"HAKMEM_WMAX_LARGE", 130, false},
    {"HAKMEM_ACE", 1, true},           {"HAKMEM_THP", THP_AUTO, false},
};

/* Loads the options from the environment; SAID receives the complaints. */
static void load(char *said, size_t size) {
  struct capture c;
  capture_start(&c);
  option_load();
  capture_end(&c, said, size);
}

/* Loads them from an environment of one variable. */
static void load_with(const char *name, const char *value, char *said, size_t size) {
  clearenv();
  if (name) setenv(name, value, 1);
  load(said, size);
}

/* The N-th of the words of ROW, or nothing. */
static void spell_word(const struct option_row *row, uint64_t n, char text[40]) {
  char words[200], *rest = words, *word = "";
  snprintf(words, sizeof words, "%s", option_words[row - option_table]);
  for (uint64_t i = 0; i <= n; i++) word = strtok_r(rest, " ", &rest);
  snprintf(text, 40, "%s", word ? word : "");
}

/* N as the type of ROW spells it. */
static void spell(const struct option_row *row, uint64_t n, char text[40]) {
  if (row->type == TYPE_WORD)
    spell_word(row, n, text);
  else if (row->type == TYPE_RATIO)
    snprintf(text, 40, "%llu.%02llu", (unsigned long long)n / 100, (unsigned long long)n % 100);
  else
    snprintf(text, 40, "%llu", (unsigned long long)n);
}

static void table(void) {
  test_begin("every row has its own name with the prefix, a doc line, and a default within bounds");
  for (int i = 0; i < OPTIONS; i++) {
    const struct option_row *row = &option_table[i];
    CHECK_MSG(!strncmp(row->name, "HAKMEM_", 7) && row->name[7], "%s", row->name);
    CHECK_MSG(*option_doc[i] && !strchr(option_doc[i], '\n'), "%s", row->name);
    CHECK_MSG(row->least <= row->standard && row->standard <= row->most, "%s", row->name);
    for (int k = 0; k < i; k++) CHECK_MSG(strcmp(row->name, option_table[k].name), "%s", row->name);
  }
  test_end();
}

static void defaults(void) {
  char said[500];
  test_begin("without an environment every option has its documented default, and nothing is said");
  load_with(NULL, NULL, said, sizeof said);
  CHECK_MSG(!*said, "%s", said);
  for (int i = 0; i < OPTIONS; i++) CHECK(option(i) == option_table[i].standard);
  for (size_t i = 0; i < sizeof documented / sizeof *documented; i++) {
    int found = option_find(documented[i].name);
    CHECK_MSG(found >= 0 && option(found) == documented[i].standard, "%s", documented[i].name);
    CHECK_MSG(found >= 0 && option_table[found].live == documented[i].live, "%s",
              documented[i].name);
  }
  test_end();
}

static void expect_load(int i, const char *value, bool good, uint64_t expected) {
  const struct option_row *row = &option_table[i];
  char said[500];
  load_with(row->name, value, said, sizeof said);
  if (good) {
    CHECK_MSG(option(i) == expected, "%s=%s is %llu", row->name, value,
              (unsigned long long)option(i));
    CHECK_MSG(!*said, "%s=%s: %s", row->name, value, said);
  } else {
    CHECK_MSG(option(i) == row->standard, "%s=%s is accepted", row->name, value);
    CHECK_MSG(count_lines(said) == 1 && strstr(said, row->name) && strstr(said, value),
              "%s=%s: '%s'", row->name, value, said);
  }
}

static void bounds(void) {
  test_begin(
      "the environment sets each option to its least and most; beyond, the default is kept "
      "and one line names the option and the value");
  for (int i = 0; i < OPTIONS; i++) {
    const struct option_row *row = &option_table[i];
    char text[40];
    if (row->type == TYPE_PATH) continue;
    spell(row, row->least, text);
    expect_load(i, text, true, row->least);
    spell(row, row->most, text);
    expect_load(i, text, true, row->most);
    spell(row, row->most + 1, text);
    expect_load(i, text, false, 0);
    if (!row->least) continue;
    spell(row, row->least - 1, text);
    expect_load(i, text, false, 0);
  }
  test_end();
}

static void bad_values(void) {
  static const char *const bad[] = {"-1",
                                    "",
                                    "1x",
                                    " 1",
                                    "1 ",
                                    "0x10",
                                    "x",
                                    "+1",
                                    "1e3",
                                    "--",
                                    "99999999999999999999999",
                                    "18446744073709551616",
                                    "nan"};
  test_begin("what is no number is refused by every option that is one");
  for (int i = 0; i < OPTIONS; i++)
    for (size_t k = 0; option_table[i].type != TYPE_PATH && k < sizeof bad / sizeof *bad; k++)
      expect_load(i, bad[k], false, 0);
  test_end();
}

static void expect_each(enum option_type type, const char *value, bool good, uint64_t expected) {
  for (int i = 0; i < OPTIONS; i++) {
    const struct option_row *row = &option_table[i];
    bool fits = good && expected >= row->least && expected <= row->most;
    if (row->type == type) expect_load(i, value, fits, expected);
  }
}

static void spellings(void) {
  static const struct {
    enum option_type type;
    const char *value;
    bool good;
    uint64_t expected;
  } rows[] = {
      {TYPE_SWITCH, "0", true, 0},
      {TYPE_SWITCH, "1", true, 1},
      {TYPE_SWITCH, "2", false, 0},
      {TYPE_SWITCH, "1K", false, 0},
      {TYPE_SWITCH, "on", false, 0},
      {TYPE_COUNT, "007", true, 7},
      {TYPE_COUNT, "5K", false, 0},
      {TYPE_COUNT, "1.0", false, 0},
      {TYPE_BYTES, "4096", true, 4096},
      {TYPE_BYTES, "64K", true, 65536},
      {TYPE_BYTES, "64k", true, 65536},
      {TYPE_BYTES, "3M", true, 3 << 20},
      {TYPE_BYTES, "3MB", true, 3 << 20},
      {TYPE_BYTES, "3MiB", true, 3 << 20},
      {TYPE_BYTES, "3MIB", true, 3 << 20},
      {TYPE_BYTES, "3mI", true, 3 << 20},
      {TYPE_BYTES, "3Mix", false, 0},
      {TYPE_BYTES, "2G", true, 2ull << 30},
      {TYPE_BYTES, "1T", true, 1ull << 40},
      {TYPE_BYTES, "12B", true, 12},
      {TYPE_BYTES, "1.5M", false, 0},
      {TYPE_BYTES, "1KM", false, 0},
      {TYPE_BYTES, "M", false, 0},
      {TYPE_BYTES, "8388607T", true, 8388607ull << 40},
      {TYPE_BYTES, "8388608T", false, 0},
      {TYPE_BYTES, "99999999999999999T", false, 0},
      {TYPE_BYTES, "18014398509481985K", false, 0}, /* these would wrap to one unit each */
      {TYPE_BYTES, "17592186044417M", false, 0},
      {TYPE_BYTES, "17179869185G", false, 0},
      {TYPE_BYTES, "16777217T", false, 0},
      {TYPE_RATIO, "1", true, 100},
      {TYPE_RATIO, "1.6", true, 160},
      {TYPE_RATIO, "1.60", true, 160},
      {TYPE_RATIO, "1.01", true, 101},
      {TYPE_RATIO, "1.609", true, 160},
      {TYPE_RATIO, "4.00", true, 400},
      {TYPE_RATIO, "0.99", false, 0},
      {TYPE_RATIO, ".5", false, 0},
      {TYPE_RATIO, "1.6x", false, 0},
      {TYPE_RATIO, "1,6", false, 0},
      {TYPE_RATIO, "1.6.0", false, 0},
      {TYPE_RATIO, "inf", false, 0},
  };
  test_begin("sizes take K, M, G and T, ratios take decimals, counts and switches take neither");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    expect_each(rows[i].type, rows[i].value, rows[i].good, rows[i].expected);
  test_end();
}

static void too_large(void) {
  char said[500];
  test_begin("a size beyond 64 bits once scaled is answered as any that is not accepted");
  load_with("HAKMEM_LIMIT", "16777217T", said, sizeof said);
  CHECK_MSG(!strcmp(said, "hakmem: HAKMEM_LIMIT=16777217T is not accepted (it takes a size in "
                          "bytes such as 64M, from 0); it stays at 0\n"), "%s", said);
  CHECK(option(OPT_LIMIT) == 0 && option_set("RETAIN", "2M") == 0);
  CHECK(option_set("RETAIN", "17592186044417M") == -2 && option(OPT_RETAIN) == 2 << 20);
  test_end();
}

static void setting(void) {
  test_begin("what option_format says of a live option, option_set takes back to the same value");
  for (int i = 0; i < OPTIONS; i++) {
    const struct option_row *row = &option_table[i];
    uint64_t state = 5;
    for (int k = 0; k < 50 && row->live; k++) {
      uint64_t range = row->most - row->least;
      uint64_t value = row->least + random_below(&state, range + 1);
      char text[40];
      struct text t;
      spell(row, value, text);
      CHECK_MSG(option_set(row->name, text) == 0 && option(i) == value, "%s=%s", row->name, text);
      text_start(&t, -1);
      option_format(&t, i);
      t.data[t.used] = 0;
      option_set(row->name, "0");
      CHECK_MSG(option_set(row->name, t.data) == 0 && option(i) == value, "%s=%s", row->name,
                t.data);
    }
  }
  test_end();
  test_begin("option_format writes a ratio with two decimals");
  {
    struct text t;
    text_start(&t, -1);
    option_format(&t, OPT_WMAX_MID);
    CHECK_MSG(t.used == 4 && !memcmp(t.data, "1.60", 4), "%.*s", (int)t.used, t.data);
  }
  test_end();
}

static void refusals(void) {
  char said[500];
  struct capture c;
  int start_only = 0;
  load_with(NULL, NULL, said, sizeof said);
  test_begin(
      "option_set tells unknown (-1), bad (-2) and start-only (-3) apart; the value is kept");
  capture_start(&c);
  for (int i = 0; i < OPTIONS; i++) {
    const struct option_row *row = &option_table[i];
    uint64_t before = option(i);
    CHECK_MSG(option_set(row->name, "nonsense") == (row->live ? -2 : -3), "%s", row->name);
    if (!row->live) CHECK_MSG(option_set(row->name, "1") == -3, "%s", row->name);
    CHECK_MSG(option(i) == before, "%s changed", row->name);
    start_only += !row->live;
  }
  CHECK(option_set("NO_SUCH", "1") == -1 && option_set("", "1") == -1);
  CHECK(option_set("HAKMEM_", "1") == -1 && option_set("HAKMEM_HAKMEM_LIMIT", "1") == -1);
  capture_end(&c, said, sizeof said);
  CHECK(start_only > 0);
  test_end();
  test_begin("names are found with and without the prefix, and only whole");
  for (int i = 0; i < OPTIONS; i++) {
    CHECK(option_find(option_table[i].name) == i && option_find(option_table[i].name + 7) == i);
  }
  CHECK(option_find("hakmem_limit") == -1 && option_find("LIMI") == -1);
  CHECK(option_find("LIMITS") == -1 && option_find("") == -1 && option_find("HAKMEM_") == -1);
  test_end();
}

static void paths(void) {
  char path[OPTION_PATH_MAX + 1];
  test_begin("a path of up to 255 bytes is taken, an empty or a longer one refused");
  memset(path, 'a', OPTION_PATH_MAX);
  path[OPTION_PATH_MAX] = 0;
  setenv("HAKMEM_LOG", path, 1);
  option_load();
  CHECK(option(OPT_LOG) == 0);
  expect_load(OPT_LOG, "", false, 0);
  path[OPTION_PATH_MAX - 1] = 0;
  expect_load(OPT_LOG, path, true, OPTION_PATH_MAX - 1);
  CHECK(!strcmp(option_log_path, path));
  test_end();
}

static void words(void) {
  static const char *const bad[] = {"Always", "alway", "alwaysx", "default always", " never"};
  char said[500];
  struct text t;
  test_begin("each option of words takes each of its words, and nothing but one of them whole");
  for (int i = 0; i < OPTIONS; i++) {
    const struct option_row *row = &option_table[i];
    char text[40];
    CHECK_MSG((row->type == TYPE_WORD) == (*option_words[i] != 0), "%s", row->name);
    for (uint64_t n = 0; row->type == TYPE_WORD && n <= row->most; n++) {
      spell(row, n, text);
      expect_load(i, text, true, n);
    }
  }
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) expect_load(OPT_THP, bad[k], false, 0);
  test_end();
  test_begin("a word that is not accepted is answered with those that are");
  load_with("HAKMEM_THP", "often", said, sizeof said);
  CHECK_MSG(!strcmp(said, "hakmem: HAKMEM_THP=often is not accepted (it takes one of auto, "
                          "default, always, never); it stays at auto\n"), "%s", said);
  load_with("HAKMEM_THP", "never", said, sizeof said);
  text_start(&t, -1);
  option_format(&t, OPT_THP);
  CHECK_MSG(t.used == 5 && !memcmp(t.data, "never", 5), "%.*s", (int)t.used, t.data);
  test_end();
}

static void unknown_variables(void) {
  char said[1000];
  test_begin("each unknown variable is named in one line, others' variables are not ours to name");
  clearenv();
  setenv("HAKMEM_NO_SUCH_OPTION", "1", 1);
  setenv("HAKMEM_LIMITS", "", 1);
  setenv("HAKMEN_LIMIT", "5", 1);
  setenv("MY_HAKMEM_LIMIT", "5", 1);
  setenv("HAKMEM_LIMIT", "5M", 1);
  load(said, sizeof said);
  CHECK_MSG(count_lines(said) == 2, "%s", said);
  CHECK(strstr(said, "HAKMEM_NO_SUCH_OPTION") && strstr(said, "HAKMEM_LIMITS"));
  CHECK(option(OPT_LIMIT) == 5 << 20);
  test_end();
  test_begin("a value of any length is complained of in one line that fits a pipe's atomic write");
  {
    static char value[5000];
    memset(value, 'v', sizeof value - 1);
    load_with("HAKMEM_LIMIT", value, said, sizeof said);
    CHECK_MSG(count_lines(said) == 1 && strlen(said) < 500, "%zu bytes", strlen(said));
    CHECK(option(OPT_LIMIT) == 0);
  }
  test_end();
}

static void privileges(void) {
  char said[1000];
  struct capture c;
  test_begin("a privileged program (AT_SECURE) reads no option, and complains of none");
  clearenv();
  setenv("HAKMEM_LIMIT", "5M", 1);
  setenv("HAKMEM_LOG", "/tmp/of-the-caller", 1);
  setenv("HAKMEM_SHOW_STATS", "banana", 1);
  setenv("HAKMEM_NO_SUCH_OPTION", "1", 1);
  privileged = true;
  capture_start(&c);
  CHECK(!option_given());
  option_load();
  capture_end(&c, said, sizeof said);
  privileged = false;
  CHECK_MSG(!*said, "%s", said);
  for (int i = 0; i < OPTIONS; i++)
    CHECK_MSG(option(i) == option_table[i].standard, "%s is %llu", option_table[i].name,
              (unsigned long long)option(i));
  CHECK(option_given()); /* the same environment, where it counts */
  load(said, sizeof said);
  CHECK_MSG(count_lines(said) == 2, "%s", said);
  CHECK(option(OPT_LIMIT) == 5 << 20 && !strcmp(option_log_path, "/tmp/of-the-caller"));
  test_end();
}

int main(void) {
  table();
  defaults();
  bounds();
  bad_values();
  spellings();
  too_large();
  setting();
  refusals();
  paths();
  words();
  unknown_variables();
  privileges();
  return test_status();
}
