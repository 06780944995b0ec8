/* process - the memory of a living process. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "explain.h"

enum { PLACE = 64 };

static void place(char path[PLACE], const char *pid, const char *file) {
  snprintf(path, PLACE, "/proc/%.20s%s", pid, file);
}

static bool no_memory(const char *pid) {
  return cannot_explain("process ", pid, "it has no memory: it ended, or is a part of the kernel");
}

/* A zombie's memory is refused to who may not trace it, as if it had some; its state is not. */
static bool has_ended(const char *pid) {
  char path[PLACE];
  char text[512];
  size_t size;
  const char *state;
  FILE *file;
  place(path, pid, "/stat");
  file = fopen(path, "re");
  if (!file) return false;
  size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  state = strrchr(text, ')'); /* the name before it may hold any character */
  return state && (!strncmp(state, ") Z", 3) || !strncmp(state, ") X", 3));
}

/* Says why the process's FILE could not be opened: errno says it, but not so that it helps. */
static bool refuse_process(const char *pid, int error) {
  char path[PLACE];
  struct stat process;
  place(path, pid, "");
  if (stat(path, &process) != 0) return cannot_explain("process ", pid, "there is none");
  if (error == ESRCH) return no_memory(pid);
  if (error != EACCES && error != EPERM) return cannot_explain("process ", pid, strerror(error));
  if (has_ended(pid)) return no_memory(pid);
  if (process.st_uid != geteuid())
    return cannot_explain("process ", pid, "it belongs to another user");
  return cannot_explain("process ", pid, "the system does not let its memory be read");
}

/* LINE: of /proc/PID/maps. Returns false when there is no memory. */
static bool add_line(struct memory *memory, char *line) {
  struct mapping mapping = {0};
  unsigned long start;
  unsigned long end;
  unsigned long offset;
  int used = 0;
  line[strcspn(line, "\n")] = 0;
  if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %n", &start, &end, &offset, &used) != 3) return true;
  if (!used || line[used] != '/') return true;
  mapping.start = start;
  mapping.end = end;
  mapping.offset = offset;
  return memory_add(memory, &mapping, line + used, strlen(line + used));
}

/* Returns 0 or an errno. */
static int read_maps(struct memory *memory, FILE *file) {
  char *line = NULL;
  size_t size = 0;
  int error = 0;
  errno = 0;
  while (!error && getline(&line, &size, file) > 0)
    if (!add_line(memory, line)) error = ENOMEM;
  if (!error && ferror(file)) error = errno;
  free(line);
  return error;
}

bool memory_of_process(struct memory *memory, const char *pid) {
  char path[PLACE];
  FILE *maps;
  int error;
  *memory = (struct memory){.name = pid, .alive = true};
  place(path, pid, "/mem");
  memory->fd = open(path, O_RDONLY | O_CLOEXEC);
  if (memory->fd < 0) return refuse_process(pid, errno);
  place(path, pid, "/maps");
  maps = fopen(path, "re");
  if (!maps) return refuse_process(pid, errno);
  error = read_maps(memory, maps);
  fclose(maps);
  if (error) return refuse_process(pid, error);
  return memory->mapping_count || no_memory(pid);
}
