/* explain - says why allocations failed: in a process, in a core file, in a log. */
#include "explain.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "cmd.h"

static const char help[] =
    "usage: hakmem explain [--all] PID|CORE|FILE\n"
    "\n"
    "Says why allocations failed: the last 256 refusals that hakmem recorded in process PID or in\n"
    "the process that left the core file CORE, or those that are lines of the log FILE.\n"
    "\n"
    "  --all               every refusal, a line each, the newest last\n"
    "\n"
    "A file whose name is a number is called ./NUMBER. The exit status is 1 when nothing was\n"
    "recorded, or when it cannot be read.\n";

bool cannot_explain(const char *what, const char *name, const char *why) {
  complain("explain: ", what, name, ": ", why, (char *)NULL);
  return false;
}

static int explain_memory(struct report *report, struct memory *memory, bool good) {
  int status = STATUS_NOTHING;
  if (good && ring_report(report, memory)) status = report_end(report);
  memory_close(memory);
  return status;
}

static int explain_process(struct report *report) {
  struct memory memory;
  bool good = memory_of_process(&memory, report->name);
  return explain_memory(report, &memory, good);
}

/* FD: a regular file. */
static int explain_opened(struct report *report, int fd) {
  ElfW(Ehdr) header;
  struct memory memory;
  const char *why = NULL;
  char first;
  bool good;
  if (!bytes_read(fd, 0, &first, 1)) why = "it is empty, or cannot be read";
  else if (!bytes_read(fd, 0, header.e_ident, SELFMAG) || memcmp(header.e_ident, ELFMAG, SELFMAG)) {
    log_report(report, fd);
    return report_end(report);
  } else if (!bytes_read(fd, 0, &header, sizeof header)) why = "this core file is cut short";
  else if (!bytes_is_elf(&header)) why = "it was made on another kind of machine";
  else if (header.e_type != ET_CORE) why = "it is a program or library, and no core file";
  if (why) {
    close(fd);
    cannot_explain("", report->name, why);
    return STATUS_NOTHING;
  }
  good = memory_of_core(&memory, report->name, fd);
  return explain_memory(report, &memory, good);
}

static int explain_file(struct report *report) {
  const char *why;
  int fd = bytes_open(report->name, &why);
  if (fd >= 0) return explain_opened(report, fd);
  cannot_explain("", report->name, why);
  return STATUS_NOTHING;
}

static bool is_number(const char *word) {
  return *word && word[strspn(word, "0123456789")] == 0;
}

static int refuse_words(const char *what, const char *word) {
  complain("explain: ", what, word, " (hakmem explain --help)", (char *)NULL);
  return STATUS_USAGE;
}

int cmd_explain(char **words) {
  static struct report report;
  text_start(&report.out, STDOUT_FILENO);
  for (; *words; words++) {
    if (!strcmp(*words, "--help")) {
      text_str(&report.out, help);
      return finish_output(&report.out);
    }
    if (!strcmp(*words, "--all")) report.all = true;
    else if (**words == '-' || !**words) return refuse_words("unknown word ", *words);
    else if (report.name) return refuse_words("one at a time, and not also ", *words);
    else report.name = *words;
  }
  if (!report.name) return refuse_words("a process, core file or log is missing", "");
  return is_number(report.name) ? explain_process(&report) : explain_file(&report);
}
