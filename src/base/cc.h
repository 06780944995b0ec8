/* cc - what the compiler must be told, in one place. */
#ifndef BASE_CC_H
#define BASE_CC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COLD __attribute__((cold, noinline))
#define NOINLINE __attribute__((noinline))
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))
#define ALIGNED(n) __attribute__((aligned(n)))
#define WEAK __attribute__((weak))

/* Does libc tell whether there is one thread? */
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
#define KNOWS_ALONE true
extern char __libc_single_threaded;
#else
#define KNOWS_ALONE false
#define __libc_single_threaded false
#endif

/* For the one function that is C++. */
#ifdef __cplusplus
#define NOTHROW_LINKAGE extern "C"
#else
#define NOTHROW_LINKAGE
#endif

/* Initial-exec: one load and no call, and eight bytes of it fit in any process, also by dlopen. */
#define THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))

/* Fetches the cache line of P for writing. The address need not be mapped. */
ALWAYS_INLINE void prefetch_write(const void *p) {
#if defined(__x86_64__)
  __asm__ volatile("prefetchw (%0)" ::"r"(p));
#else
  __builtin_prefetch(p, 1);
#endif
}

/* Tells the processor that this is a spin loop. */
ALWAYS_INLINE void cpu_relax(void) {
#if defined(__x86_64__)
  __asm__ volatile("pause" ::: "memory");
#elif defined(__aarch64__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

/* Keeps the compiler from moving memory accesses across: for a reader of this thread's own memory
 * at an arbitrary instant (a forked child's copy), not for another processor. */
ALWAYS_INLINE void compiler_fence(void) {
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
