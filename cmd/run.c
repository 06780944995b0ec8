/* run - executes a program with the library preloaded and its options in the environment. */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag/option.h"
#include "library.h"
#include "program.h"

enum argument { NO_ARGUMENT, MAY_HAVE_FILE, FILE_NEEDED, VALUE_NEEDED, PAIR_NEEDED };

/* A flag sets VARIABLE: to its argument, or to 1. A pair names the variable itself. */
struct flag {
  const char *name;
  enum argument argument;
  const char *variable;
  const char *usage;
  const char *doc;
};

static const char SET[] = "--set";
static const char LOG_FILE[] = "HAKMEM_LOG";

static const struct flag flags[] = {
    {"--stats", MAY_HAVE_FILE, "HAKMEM_SHOW_STATS", "--stats[=FILE]",
     "the statistics at exit, on stderr or into FILE"},
    {"--trace", NO_ARGUMENT, "HAKMEM_ACE_TRACE", "--trace", "a line for each allocation refused"},
    {"--check", NO_ARGUMENT, "HAKMEM_TINY_SLL_VALIDATE_HDR", "--check",
     "every block that is freed is validated"},
    {"--secure", NO_ARGUMENT, "HAKMEM_SECURE", "--secure", "hardened against misuse of blocks"},
    {"--profile", FILE_NEEDED, "HAKMEM_PROFILE", "--profile=FILE", "a heap profile into FILE"},
    {"--limit", VALUE_NEEDED, "HAKMEM_LIMIT", "--limit=SIZE",
     "at most SIZE bytes of memory, such as 512M"},
    {SET, PAIR_NEEDED, NULL, "--set NAME=VALUE", "any option that hakmem env lists"},
};

enum { FLAGS = sizeof flags / sizeof *flags, USAGE_COLUMN = 20 };

static int refuse(const char *what, const char *word, const char *why) {
  complain("run: ", what, word, why, (char *)NULL);
  return STATUS_USAGE;
}

static int refuse_system(const char *what) {
  complain("run: ", what, ": ", strerror(errno), (char *)NULL);
  return STATUS_FAILED;
}

static int help(void) {
  struct text t;
  text_start(&t, STDOUT_FILENO);
  text_str(&t, "usage: hakmem run [OPTION]... -- COMMAND [ARG]...\n\n"
               "Runs COMMAND with hakmem as its malloc. The exit status is COMMAND's.\n\n");
  for (int i = 0; i < FLAGS; i++) {
    bool known = !flags[i].variable || option_find(flags[i].variable) >= 0;
    size_t start;
    text_flush(&t);
    start = t.used;
    text_str(&t, "  ");
    text_str(&t, flags[i].usage);
    text_pad(&t, start, USAGE_COLUMN);
    text_str(&t, flags[i].doc);
    if (!known) text_str(&t, " (not in this build)");
    text_str(&t, "\n");
  }
  if (option_find(LOG_FILE) < 0) text_str(&t, "\nThis build has no --stats=FILE.\n");
  return finish_output(&t);
}

/* Puts NAME=VALUE, which WORD asks for, into the environment when hakmem accepts it. */
static int put(const char *word, const char *name, const char *value) {
  static const char PREFIX[] = "HAKMEM_";
  int i = option_find(name);
  if (i < 0) {
    const char *prefix = strncmp(name, PREFIX, sizeof PREFIX - 1) ? PREFIX : "";
    complain("run: ", word, ": this build has no such option: ", prefix, name, (char *)NULL);
    return STATUS_USAGE;
  }
  if (!judge(i, value)) return STATUS_USAGE;
  unsetenv(option_table[i].name); /* all of them, where the environment has several */
  return setenv(option_table[i].name, value, 1) ? refuse_system(name) : 0;
}

/* A file is named by its absolute path: the program may change its directory before it writes. */
static int put_file(const char *word, const char *name, const char *file) {
  char path[PATH_MAX];
  if (!*file) return refuse(word, "", " wants a file");
  if (!absolute_path(file, path)) return refuse_system(file);
  return put(word, name, path);
}

/* TEXT: NAME=VALUE. */
static int put_any(const char *text) {
  const char *equals = strchr(text, '=');
  char *name;
  int status;
  if (!equals) return refuse("--set wants NAME=VALUE, not ", text, "");
  name = strndup(text, (size_t)(equals - text));
  if (!name) return refuse_system(SET);
  status = put(SET, name, equals + 1);
  free(name);
  return status;
}

static int put_flag(const struct flag *flag, const char *word, const char *argument) {
  int status;
  if (flag->argument == PAIR_NEEDED) return put_any(argument);
  if (flag->argument == FILE_NEEDED) return put_file(word, flag->variable, argument);
  if (flag->argument == VALUE_NEEDED) return put(word, flag->variable, argument);
  status = put(word, flag->variable, "1");
  return status || !argument ? status : put_file(word, LOG_FILE, argument);
}

/* The flag of WORD, or NULL. ARGUMENT: what follows WORD's "=", or NULL. */
static const struct flag *find_flag(const char *word, const char **argument) {
  size_t length = strcspn(word, "=");
  *argument = word[length] ? word + length + 1 : NULL;
  for (int i = 0; i < FLAGS; i++)
    if (strlen(flags[i].name) == length && !memcmp(flags[i].name, word, length)) return &flags[i];
  return NULL;
}

/* Takes the flag at *WORDS and moves past it. */
static int take_flag(char ***words) {
  const char *argument;
  const char *word = *(*words)++;
  const struct flag *flag = find_flag(word, &argument);
  if (!flag) return refuse("unknown word ", word, " (a command goes behind --)");
  if (flag->argument == NO_ARGUMENT && argument) return refuse(flag->name, "", " takes no value");
  if (flag->argument >= FILE_NEEDED && !argument) {
    argument = **words && strcmp(**words, "--") != 0 ? *(*words)++ : NULL;
    if (!argument) return refuse(flag->usage, "", ": the value is missing");
  }
  return put_flag(flag, word, argument);
}

/* Returns 0, or -1 with errno set. */
static int preload(const char *library) {
  const char *others = getenv("LD_PRELOAD");
  bool alone = !others || !*others;
  char *list;
  int failed;
  if (alone) return setenv("LD_PRELOAD", library, 1);
  if (asprintf(&list, "%s:%s", library, others) < 0) return -1;
  failed = setenv("LD_PRELOAD", list, 1);
  free(list);
  return failed;
}

static int execute(char **command) {
  struct library library;
  int status = library_find(&library);
  if (status) return status;
  /* The library knows no such option and would say so. */
  if (preload(library.path) != 0 || unsetenv("HAKMEM_LIBRARY") != 0)
    return refuse_system("LD_PRELOAD");
  program_warn(*command, &library.elf);
  execvp(*command, command);
  status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_STARTED;
  refuse_system(*command);
  return status;
}

int cmd_run(char **words) {
  while (*words && strcmp(*words, "--") != 0) {
    int status;
    if (!strcmp(*words, "--help")) return help();
    status = take_flag(&words);
    if (status) return status;
  }
  if (!*words || !words[1]) return refuse("a command is missing", "", " (hakmem run --help)");
  return execute(words + 1);
}
