#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd.h"

static bool fits(int length) {
  return length >= 0 && length < PATH_MAX;
}

bool absolute_path(const char *path, char absolute[PATH_MAX]) {
  char here[PATH_MAX];
  if (*path == '/') return fits(snprintf(absolute, PATH_MAX, "%s", path));
  if (!getcwd(here, sizeof here)) return false;
  return fits(snprintf(absolute, PATH_MAX, "%s/%s", here, path));
}

/* Returns false when the system does not tell. */
static bool own_directory(char directory[PATH_MAX]) {
  ssize_t length = readlink("/proc/self/exe", directory, PATH_MAX - 1);
  char *slash;
  if (length <= 0) return false;
  directory[length] = 0;
  slash = strrchr(directory, '/');
  if (!slash) return false;
  slash[slash == directory] = 0; /* "/" stays */
  return true;
}

static int take_named(struct library *library, const char *name) {
  if (absolute_path(name, library->path) && elf_read(library->path, &library->elf) &&
      elf_is_library(&library->elf))
    return 0;
  complain("run: HAKMEM_LIBRARY=", name, " is no shared library that can be read", (char *)NULL);
  return STATUS_FAILED;
}

static bool take_from(struct library *library, const char *directory, const char *place) {
  int length = snprintf(library->path, PATH_MAX, "%s/%slibhakmem.so", directory, place);
  return fits(length) && elf_read(library->path, &library->elf) && elf_is_library(&library->elf);
}

static int take_nearby(struct library *library) {
  char directory[PATH_MAX];
  char multiarch[sizeof(struct utsname)];
  struct utsname system;
  if (!own_directory(directory) || uname(&system) != 0 ||
      snprintf(multiarch, sizeof multiarch, "../lib/%s-linux-gnu/", system.machine) < 0) {
    complain("run: cannot tell where this command lies: set HAKMEM_LIBRARY to libhakmem.so",
             (char *)NULL);
    return STATUS_FAILED;
  }
  if (take_from(library, directory, "") || take_from(library, directory, "../lib/") ||
      take_from(library, directory, multiarch) || take_from(library, directory, "../lib64/"))
    return 0;
  complain("run: no libhakmem.so in ", directory, ", its ../lib, ", multiarch,
           " or ../lib64: set HAKMEM_LIBRARY to it", (char *)NULL);
  return STATUS_FAILED;
}

int library_find(struct library *library) {
  const char *name = getenv("HAKMEM_LIBRARY");
  int status = name && *name ? take_named(library, name) : take_nearby(library);
  if (status) return status;
  if (!strpbrk(library->path, " \t\n\v\f\r:")) return 0;
  complain("run: LD_PRELOAD cannot hold a path with a blank or a colon: ", library->path,
           " (set HAKMEM_LIBRARY to a link without)", (char *)NULL);
  return STATUS_FAILED;
}
