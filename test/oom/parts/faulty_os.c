#include "oom/parts/faulty_os.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/mman.h>

static unsigned every;
static unsigned kinds;
static uint64_t calls;
static uint64_t refused;
static int64_t mapped;

void *faulty_mmap(void *p, size_t bytes, int protection, int flags, int fd, off_t offset);
int faulty_munmap(void *p, size_t bytes);
int faulty_madvise(void *p, size_t bytes, int advice);
void *faulty_mremap(void *p, size_t old_bytes, size_t new_bytes, int flags, ...);

void faulty_start(unsigned n, unsigned which) {
  __atomic_store_n(&every, 0, __ATOMIC_SEQ_CST);
  __atomic_store_n(&calls, 0, __ATOMIC_SEQ_CST);
  __atomic_store_n(&kinds, which, __ATOMIC_SEQ_CST);
  __atomic_store_n(&every, n, __ATOMIC_SEQ_CST);
}

uint64_t faulty_refused(void) {
  return __atomic_load_n(&refused, __ATOMIC_SEQ_CST);
}

int64_t faulty_mapped(void) {
  return __atomic_load_n(&mapped, __ATOMIC_SEQ_CST);
}

static void account(int64_t bytes) {
  __atomic_fetch_add(&mapped, bytes, __ATOMIC_SEQ_CST);
}

static bool fails(enum fault_kind kind) {
  unsigned n = __atomic_load_n(&every, __ATOMIC_SEQ_CST);
  if (!n || !(__atomic_load_n(&kinds, __ATOMIC_SEQ_CST) & kind)) return false;
  if ((__atomic_fetch_add(&calls, 1, __ATOMIC_SEQ_CST) + 1) % n != 0) return false;
  __atomic_fetch_add(&refused, 1, __ATOMIC_SEQ_CST);
  errno = ENOMEM;
  return true;
}

void *faulty_mmap(void *p, size_t bytes, int protection, int flags, int fd, off_t offset) {
  void *q = fails(FAULT_MMAP) ? MAP_FAILED : mmap(p, bytes, protection, flags, fd, offset);
  if (q != MAP_FAILED) account((int64_t)bytes);
  return q;
}

int faulty_munmap(void *p, size_t bytes) {
  int result = fails(FAULT_MUNMAP) ? -1 : munmap(p, bytes);
  if (result == 0) account(-(int64_t)bytes);
  return result;
}

int faulty_madvise(void *p, size_t bytes, int advice) {
  return fails(FAULT_MADVISE) ? -1 : madvise(p, bytes, advice);
}

/* A move lands on address space that was counted when it was reserved. */
void *faulty_mremap(void *p, size_t old_bytes, size_t new_bytes, int flags, ...) {
  void *to = NULL;
  void *q;
  if (flags & MREMAP_FIXED) {
    va_list rest;
    va_start(rest, flags);
    to = va_arg(rest, void *);
    va_end(rest);
  }
  q = fails(FAULT_MREMAP) ? MAP_FAILED : mremap(p, old_bytes, new_bytes, flags, to);
  if (q != MAP_FAILED) account(to ? -(int64_t)old_bytes : (int64_t)(new_bytes - old_bytes));
  return q;
}
