/* main - takes the first word and hands the others to its subcommand. */
#include "cmd.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "hakmem.h"

static const struct {
  const char *name;
  int (*run)(char **words);
} subcommands[] = {{"run", cmd_run}, {"env", cmd_env}, {"explain", cmd_explain}};

static const char help[] =
    "usage: hakmem SUBCOMMAND [WORD]...\n"
    "\n"
    "  hakmem run [OPTION]... -- COMMAND [ARG]...   runs COMMAND with hakmem as its malloc\n"
    "  hakmem env                                   lists hakmem's options, with their values\n"
    "  hakmem explain [--all] PID|CORE|FILE         says why allocations failed\n"
    "\n"
    "  hakmem --help, hakmem SUBCOMMAND --help      this text, the text of a subcommand\n"
    "  hakmem --version                             the version\n";

void complain(const char *part, ...) {
  struct text t;
  va_list parts;
  text_start(&t, STDERR_FILENO);
  text_str(&t, "hakmem: ");
  va_start(parts, part);
  for (; part; part = va_arg(parts, const char *))
    for (const char *c = part; *c; c++) text_chars(&t, (unsigned char)*c < ' ' ? "?" : c, 1);
  va_end(parts);
  text_str(&t, "\n");
  text_flush(&t);
}

int finish_output(struct text *t) {
  text_flush(t);
  if (!t->error) return 0;
  complain("cannot write: ", strerror(t->error), (char *)NULL);
  return STATUS_FAILED;
}

/* Descriptors 0 to 2 are never handed out for something else; the program that is run finds those
 * that were closed closed. */
static void hold_standard_streams(void) {
  int fd;
  do fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* what is written to 1 fails, and is told */
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

static int print(const char *text, const char *rest) {
  struct text t;
  text_start(&t, STDOUT_FILENO);
  text_str(&t, text);
  text_str(&t, rest);
  return finish_output(&t);
}

int main(int argc, char **argv) {
  hold_standard_streams();
  if (argc < 2) {
    complain("a subcommand is missing (hakmem --help lists them)", (char *)NULL);
    return STATUS_USAGE;
  }
  if (!strcmp(argv[1], "--help")) return print(help, "");
  if (!strcmp(argv[1], "--version")) return print("hakmem " HAKMEM_VERSION, "\n");
  for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
    if (!strcmp(argv[1], subcommands[i].name)) return subcommands[i].run(argv + 2);
  complain("unknown word ", argv[1], " (hakmem --help lists the subcommands)", (char *)NULL);
  return STATUS_USAGE;
}
