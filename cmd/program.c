#include "program.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"

static bool is_program(const char *path, struct stat *file) {
  return stat(path, file) == 0 && S_ISREG(file->st_mode) && access(path, X_OK) == 0;
}

/* The file in PATH that execvp takes for NAME, in FOUND; an empty directory is the current one. */
static bool search(const char *name, char found[PATH_MAX], struct stat *file) {
  char standard[256];
  const char *list = getenv("PATH");
  if (!list) {
    confstr(_CS_PATH, standard, sizeof standard);
    list = standard;
  }
  for (;;) {
    int length = (int)strcspn(list, ":");
    const char *slash = length ? "/" : "";
    int used = snprintf(found, PATH_MAX, "%.*s%s%s", length, list, slash, name);
    if (used > 0 && used < PATH_MAX && is_program(found, file)) return true;
    if (!list[length]) return false;
    list += length + 1;
  }
}

static bool find(const char *name, char found[PATH_MAX], struct stat *file) {
  if (!*name) return false;
  if (!strchr(name, '/')) return search(name, found, file);
  return snprintf(found, PATH_MAX, "%s", name) < PATH_MAX && is_program(found, file);
}

static bool changes_rights(const struct stat *file) {
  return ((file->st_mode & S_ISUID) && file->st_uid != getuid()) ||
         ((file->st_mode & S_ISGID) && file->st_gid != getgid());
}

void program_warn(const char *name, const struct elf *library) {
  char path[PATH_MAX];
  struct stat file;
  struct elf elf;
  const char *why = NULL;
  if (!find(name, path, &file) || !elf_read(path, &elf)) return;
  if (elf.class != library->class || elf.machine != library->machine)
    why = "made for another machine";
  else if (!elf.has_interp)
    why = "statically linked";
  else if (changes_rights(&file))
    why = "set-user-ID or set-group-ID";
  if (why)
    complain("run: warning: ", path, " is ", why, ": it runs without hakmem", (char *)NULL);
}
