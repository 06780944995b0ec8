#include "bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  LOAD_MOST = 1 << 30, /* bytes: the symbols of the largest programs are less */
  OWN_CLASS = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32,
  OWN_ORDER = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB,
};

/* Before it is opened: to open a device may do something. */
static const char *not_regular(mode_t mode) {
  if (S_ISREG(mode)) return NULL;
  return S_ISDIR(mode) ? "it is a directory" : "it is no regular file: save it to one";
}

int bytes_open(const char *path, const char **why) {
  struct stat file;
  int fd = -1;
  *why = stat(path, &file) == 0 ? not_regular(file.st_mode) : strerror(errno);
  if (*why) return -1;
  fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd >= 0 && fstat(fd, &file) == 0) *why = not_regular(file.st_mode);
  else *why = strerror(errno);
  if (!*why) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

bool bytes_read(int fd, uint64_t offset, void *buffer, size_t n) {
  char *at = buffer;
  while (n) {
    ssize_t got = offset > INT64_MAX ? 0 : pread(fd, at, n, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    offset += (uint64_t)got;
    n -= (size_t)got;
  }
  return true;
}

void *bytes_load(int fd, uint64_t offset, uint64_t n) {
  struct stat file;
  void *buffer;
  if (!n || n > LOAD_MOST || fstat(fd, &file) != 0 ||
      offset > (uint64_t)file.st_size || n > (uint64_t)file.st_size - offset)
    return NULL;
  buffer = malloc(n);
  if (buffer && bytes_read(fd, offset, buffer, n)) return buffer;
  free(buffer);
  return NULL;
}

bool bytes_is_elf(const ElfW(Ehdr) *header) {
  return !memcmp(header->e_ident, ELFMAG, SELFMAG) && header->e_ident[EI_CLASS] == OWN_CLASS &&
         header->e_ident[EI_DATA] == OWN_ORDER;
}
