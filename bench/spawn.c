/* spawn - what does one run of a program cost from outside: time, memory, faults?
 *
 * Usage: spawn RUNS [NAME=VALUE ...] [<FILE] [>FILE] -- PROGRAM [ARGUMENT ...]
 * Runs PROGRAM (a path) RUNS times, one after another, with the given variables set for it alone
 * and without an inherited LD_PRELOAD; all but the last run write to /dev/null. <FILE becomes the
 * program's standard input, >FILE the standard output of the last run. Prints the wall clock of a
 * run, and the kernel's account of it and of the children that it waited for (wait4): peak resident
 * memory, page faults, user and system time. Being small matters: a child's peak starts at that of
 * the process that execs it.
 * Exit status: 0; 1 when a run of the program failed, which is said in a line `failed: ...`.
 */
#include "bench.h"

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define ENV_MAX 4096

extern char **environ;

struct files {
  const char *input, *output; /* NULL: those of this process */
};

struct account {
  double *wall_us;                 /* one per run */
  long rss_kib;                    /* highest of all runs */
  long minor_faults, major_faults; /* of the last run */
  double user_s, system_s;         /* sums over all runs */
};

static double seconds(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Says how the program failed; returns whether it did. */
static int failed(int status) {
  if (WIFSIGNALED(status))
    dprintf(STDOUT_FILENO, "failed: signal %d (%s)\n", WTERMSIG(status),
            strsignal(WTERMSIG(status)));
  else if (WEXITSTATUS(status))
    dprintf(STDOUT_FILENO, "failed: exit status %d\n", WEXITSTATUS(status));
  return status != 0;
}

/* Runs the program once and adds to the account. posix_spawn shares the address space until the
 * exec, so the time does not depend on the size of this process. */
static int run_once(char **argv, char **env, uint64_t run, struct files files,
                    struct account *account) {
  posix_spawn_file_actions_t actions;
  struct rusage usage;
  int status, error;
  pid_t pid;
  double start;
  posix_spawn_file_actions_init(&actions);
  if (files.input)
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, files.input, O_RDONLY, 0);
  if (files.output)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, files.output,
                                     O_WRONLY | O_CREAT | O_TRUNC, 0666);
  start = bench_now();
  error = posix_spawn(&pid, argv[0], &actions, NULL, argv, env);
  if (error) bench_die(strerror(error));
  while (wait4(pid, &status, 0, &usage) < 0)
    if (errno != EINTR) bench_die("wait4 failed");
  account->wall_us[run] = (bench_now() - start) * 1e6;
  posix_spawn_file_actions_destroy(&actions);
  if (usage.ru_maxrss > account->rss_kib) account->rss_kib = usage.ru_maxrss;
  account->minor_faults = usage.ru_minflt;
  account->major_faults = usage.ru_majflt;
  account->user_s += seconds(usage.ru_utime);
  account->system_s += seconds(usage.ru_stime);
  return failed(status);
}

static int is_preload(const char *variable) {
  return strncmp(variable, "LD_PRELOAD=", 11) == 0;
}

/* The environment of the program: the given variables, then the inherited ones. Returns the files
 * that stand among the given words. */
static struct files env_build(char **env, char **given, int count) {
  struct files files = {0};
  int n = 0;
  for (int i = 0; i < count; i++) {
    if (given[i][0] == '<')
      files.input = given[i] + 1;
    else if (given[i][0] == '>')
      files.output = given[i] + 1;
    else
      env[n++] = given[i];
  }
  for (char **inherited = environ; *inherited; inherited++) {
    if (is_preload(*inherited)) continue;
    if (n == ENV_MAX) bench_die("too many environment variables");
    env[n++] = *inherited;
  }
  env[n] = NULL;
  return files;
}

int main(int argc, char **argv) {
  static char *env[ENV_MAX + 1];
  struct account account = {0};
  struct files last, silent;
  uint64_t runs = bench_arg(argc, argv, 1, 1);
  int dashes = 2, bad = 0;
  while (dashes < argc && strcmp(argv[dashes], "--") != 0) dashes++;
  if (dashes + 1 >= argc) bench_die("no program after --");
  last = silent = env_build(env, argv + 2, dashes - 2);
  silent.output = "/dev/null";
  account.wall_us = bench_pages(runs * sizeof *account.wall_us);
  for (uint64_t i = 0; i < runs && !bad; i++)
    bad = run_once(argv + dashes + 1, env, i, i + 1 < runs ? silent : last, &account);
  if (bad) return 1;
  qsort(account.wall_us, runs, sizeof *account.wall_us, compare);
  dprintf(STDOUT_FILENO, "spawn-wall-us: %.1f\n", account.wall_us[runs / 2]);
  dprintf(STDOUT_FILENO, "spawn-wall-least-us: %.1f\n", account.wall_us[0]);
  dprintf(STDOUT_FILENO, "spawn-peak-rss-kib: %ld\n", account.rss_kib);
  dprintf(STDOUT_FILENO, "spawn-minor-faults: %ld\n", account.minor_faults);
  dprintf(STDOUT_FILENO, "spawn-major-faults: %ld\n", account.major_faults);
  dprintf(STDOUT_FILENO, "spawn-user-s: %.6f\n", account.user_s / (double)runs);
  dprintf(STDOUT_FILENO, "spawn-system-s: %.6f\n", account.system_s / (double)runs);
  return 0;
}
