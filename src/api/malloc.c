/* The hit path. It is compiled to leaf functions that save no register; test/bench reads the
 * disassembly. DESIGN.md walks through both. */
#include "api/calls.h"
#include "api/names.h"
#include "api/slow.h"
#include "front/front.h"

/* Above 1 KiB the class is computed; the gate is the same. */
NOINLINE static void *malloc_above(size_t size) {
  struct gates *gates = self_gates;
  void *p;
  if (UNLIKELY(size > CLASS_MAX)) return api_malloc_miss(size);
  p = front_pop_told(gates, class_code_above(size));
  return LIKELY(p != NULL) ? p : api_malloc_miss(size);
}

EXPORT void *hak_malloc(size_t size) {
  struct gates *gates = self_gates;
  void *p;
  if (UNLIKELY(size > TINY_MAX)) return malloc_above(size);
  p = front_pop(gates, gates->codes[(size + GRAIN - 1) / GRAIN]);
  return LIKELY(p != NULL) ? p : api_malloc_miss(size);
}

EXPORT void hak_free(void *p) {
  struct gates *gates = self_gates;
  size_t code = thread_code(gates, p);
  if (UNLIKELY(!front_push(gates, p, code))) api_free_elsewhere(p, code);
}

LIBC_NAME(malloc, hak_malloc);
LIBC_NAME(free, hak_free);
LIBC_NAME(cfree, hak_free);

/* operator delete and delete[]: the sizes and alignments that they are told are not needed. */
LIBC_NAME(_ZdlPv, hak_free);
LIBC_NAME(_ZdaPv, hak_free);
LIBC_NAME(_ZdlPvm, hak_free);
LIBC_NAME(_ZdaPvm, hak_free);
LIBC_NAME(_ZdlPvRKSt9nothrow_t, hak_free);
LIBC_NAME(_ZdaPvRKSt9nothrow_t, hak_free);
LIBC_NAME(_ZdlPvSt11align_val_t, hak_free);
LIBC_NAME(_ZdaPvSt11align_val_t, hak_free);
LIBC_NAME(_ZdlPvmSt11align_val_t, hak_free);
LIBC_NAME(_ZdaPvmSt11align_val_t, hak_free);
LIBC_NAME(_ZdlPvSt11align_val_tRKSt9nothrow_t, hak_free);
LIBC_NAME(_ZdaPvSt11align_val_tRKSt9nothrow_t, hak_free);
