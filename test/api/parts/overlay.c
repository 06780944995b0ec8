/* overlay - a library that stands between hakmem and libc, and allocates where hakmem registers its
 * fork handlers: within the first call of the process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

typedef int registers(void (*)(void), void (*)(void), void (*)(void), void *);

int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso) {
  registers *next;
  void *volatile block = malloc(40);
  *(void **)&next = dlsym(RTLD_NEXT, "__register_atfork");
  free(block);
  return next(prepare, parent, child, dso);
}
