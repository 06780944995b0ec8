/* judge - asks the library's own option code what it would make of a value.
 *
 * option_load is the one place that knows every type of option. It takes an environment and
 * answers in words on stderr; so it is given an environment of one entry, and its words are caught.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag/option.h"

extern char **environ;

static const char PREFIX[] = "hakmem: ";
static const char KEPT[] = "; it stays at "; /* of no interest where nothing is started */

void load_options(char **environment) {
  char **own = environ;
  environ = environment;
  option_load();
  environ = own;
}

/* Loads ENVIRONMENT and puts what is said of it into WORDS, terminated. A line is far shorter than
 * what a pipe holds, so that nobody has to read meanwhile. Returns 0 or an errno. */
static int load_caught(char **environment, char *words, size_t size) {
  int ends[2];
  ssize_t length;
  int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  *words = 0;
  if (kept < 0) return errno;
  if (pipe2(ends, O_CLOEXEC) != 0) {
    close(kept);
    return errno;
  }
  dup2(ends[1], STDERR_FILENO);
  load_options(environment);
  dup2(kept, STDERR_FILENO);
  close(kept);
  close(ends[1]);
  length = read(ends[0], words, size - 1);
  close(ends[0]);
  words[length > 0 ? length : 0] = 0;
  return length < 0 ? EIO : 0;
}

/* NAME=VALUE in memory of its own, or NULL. */
static char *join(const char *name, const char *value) {
  char *entry;
  return asprintf(&entry, "%s=%s", name, value) < 0 ? NULL : entry;
}

bool judge(int i, const char *value) {
  char words[1024];
  char *shown = words;
  char *end;
  char *entry = join(option_table[i].name, value);
  char *environment[] = {entry, NULL};
  int error = entry ? load_caught(environment, words, sizeof words) : ENOMEM;
  free(entry);
  if (error) {
    complain("cannot check ", option_table[i].name, ": ", strerror(error), (char *)NULL);
    return false;
  }
  if (!*words) return true;
  if (!strncmp(words, PREFIX, sizeof PREFIX - 1)) shown += sizeof PREFIX - 1;
  end = strstr(shown, KEPT);
  if (!end) end = shown + strlen(shown) - 1;
  *end = 0;
  complain(shown, (char *)NULL);
  return false;
}
