/* machine - a directory that stands for the root of a recorded machine. */
#ifndef HAK_TEST_MACHINE_H
#define HAK_TEST_MACHINE_H

#include <fcntl.h>
#include <ftw.h>

#include "helpers/box.h"

static char root[64]; /* the directory that stands for / */

/* Opens the promise NAME over an empty machine. */
static inline void machine_start(const char *name) {
  test_begin(name);
  strcpy(root, "/tmp/machine-XXXXXX");
  if (!mkdtemp(root)) test_fail("no directory in /tmp");
}

static inline int remove_one(const char *path, const struct stat *s, int type, struct FTW *at) {
  (void)s, (void)type, (void)at;
  return remove(path);
}

static inline void machine_end(void) {
  nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  test_end();
}

static inline void put_bytes(const char *path, const void *data, size_t n) {
  char whole[1200];
  int fd;
  snprintf(whole, sizeof whole, "%s%s", root, path);
  for (char *p = whole + strlen(root) + 1; (p = strchr(p, '/')); p++) {
    *p = 0;
    mkdir(whole, 0700);
    *p = '/';
  }
  fd = open(whole, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  if (fd < 0 || write(fd, data, n) != (ssize_t)n) test_fail("cannot write %s", whole);
  if (fd >= 0) close(fd);
}

static inline void put(const char *path, const char *text) {
  put_bytes(path, text, strlen(text));
}

#endif
