#include "api/libc.h"

/* The GNU C library exports its allocator under these names too. */
extern void *__libc_malloc(size_t size) WEAK;
extern void *__libc_memalign(size_t align, size_t size) WEAK;
extern void *__libc_realloc(void *p, size_t size) WEAK;
extern void __libc_free(void *p) WEAK;

bool libc_exports(void) {
  return &__libc_malloc && &__libc_memalign && &__libc_realloc && &__libc_free;
}

void *libc_malloc(size_t size) {
  return __libc_malloc(size);
}

void *libc_aligned(size_t align, size_t size) {
  return __libc_memalign(align, size);
}

void *libc_realloc(void *p, size_t size) {
  return __libc_realloc(p, size);
}

void libc_free(void *p) {
  __libc_free(p);
}
