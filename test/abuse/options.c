/* options - an unknown option or a bad value costs one line, which names it, and nothing else.
 *
 * The program runs itself anew with the option in its environment; that run allocates and ends
 * with status 0.
 */
#include "../api/api.h"

#include <regex.h>

#pragma weak hak_option_get

static const struct {
  const char *name, *option, *value;
  int is_bad; /* must it be reported? */
} options[] = {
    {"an unknown option", "HAKMEM_NO_SUCH", "1", 1},
    {"an unknown option without a value", "HAKMEM_NO_SUCH", "", 1},
    {"the prefix alone", "HAKMEM_", "1", 1},
    {"a word where a number belongs", "HAKMEM_SS_CACHE", "banana", 1},
    {"a number with a tail", "HAKMEM_SS_CACHE", "3x", 1},
    {"a negative number", "HAKMEM_SS_CACHE", "-1", 1},
    {"a number beyond 64 bits", "HAKMEM_SS_CACHE", "99999999999999999999999", 1},
    {"an empty value where a number belongs", "HAKMEM_SS_CACHE", "", 1},
    {"a ratio below 1", "HAKMEM_WMAX_MID", "0.5", 1},
    {"a word where a ratio belongs", "HAKMEM_WMAX_LARGE", "wide", 1},
    {"a good value", "HAKMEM_SS_CACHE", "3", 0},
    {"a good ratio", "HAKMEM_WMAX_MID", "1.25", 0},
    {"a variable of another program", "HAKMEMORY", "", 0},
};

/* The value of OPTION in force in this process, or "" where there is no such option. */
static const char *in_force(const char *option, char *text, size_t size) {
  if (!hak_option_get || hak_option_get(option, text, size) < 0) text[0] = 0;
  return text;
}

/* The run under test: EXPECTED is in force for OPTION, and a little of each tier is to be had. */
static int allocate(const char *option, const char *expected) {
  char value[64];
  if (strcmp(in_force(option, value, sizeof value), expected) != 0) return 5;
  for (size_t i = 0; i < COUNT_OF(api_tiers); i++) {
    char *p = opaque_ptr(malloc(opaque(api_tiers[i])));
    if (!p) return 3;
    memset(p, 1, api_tiers[i]);
    free(p);
  }
  return api_violations() == 0 ? 0 : 4;
}

/* The next run of this program: OPTION=VALUE in its environment, EXPECTED then in force. */
static struct {
  const char *option, *value, *expected;
} next;

static void run_next(void) {
  setenv(next.option, next.value, 1);
  execl("/proc/self/exe", "options", "allocate", next.option, next.expected, (char *)NULL);
  _exit(127);
}

/* Is TEXT exactly one line of hakmem's that names OPTION, and VALUE where that one is known? */
static int names_it(const char *text, const char *option, const char *value) {
  char pattern[256];
  regex_t regex;
  int matches, known = strcmp(option, "HAKMEM_SS_CACHE") == 0 || strstr(option, "WMAX") != NULL;
  snprintf(pattern, sizeof pattern, "^hakmem: [^\n]*%s%s%s[^A-Z_0-9][^\n]*\n$", option,
           known ? "=" : "", known ? value : "");
  if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) return 0;
  matches = regexec(&regex, text, 0, NULL, 0) == 0;
  regfree(&regex);
  return matches && strchr(text, '\n') == text + strlen(text) - 1;
}

int main(int argc, char **argv) {
  char text[4096], name[160], kept[64];
  if (argc == 4 && strcmp(argv[1], "allocate") == 0) return allocate(argv[2], argv[3]);
  api_preload(argv);
  api_served();
  for (size_t i = 0; i < COUNT_OF(options); i++) {
    const char *option = options[i].option, *value = options[i].value;
    int status, named;
    next.option = option;
    next.value = value;
    next.expected = options[i].is_bad ? in_force(option, kept, sizeof kept) : value;
    snprintf(name, sizeof name, "%s (%s=%s): %s, and the program runs on", options[i].name, option,
             value, options[i].is_bad ? "one line, default kept" : "no line");
    test_begin(name);
    status = api_capture(run_next, STDERR_FILENO, text, sizeof text);
    named = names_it(text, option, value);
    api_one_line(text);
    CHECK_MSG(status == 0, "wait status 0x%x, stderr: %.200s", (unsigned)status, text);
    if (options[i].is_bad)
      CHECK_MSG(named, "stderr: %.200s", text);
    else
      CHECK_MSG(text[0] == 0, "stderr: %.200s", text);
    test_end();
  }
  return api_close();
}
