/* hit_paths - functions for leaf.sh to read: two that keep every promise, and one against each. */
#include <stddef.h>

struct cache {
  unsigned count, capacity;
  void **slot;
};

__thread struct cache caches[64] __attribute__((tls_model("initial-exec")));
volatile unsigned dial;

static __attribute__((noinline, cold)) void *miss(size_t size) {
  return (void *)(size + dial);
}

static __attribute__((noinline, cold)) void full(void *p) {
  dial = (unsigned)(size_t)p;
}

#define RARE(condition) __builtin_expect(!!(condition), 0)

/* Inlined, so that each function below has it on its own path. */
static inline __attribute__((always_inline)) void *take(size_t size) {
  struct cache *cache;
  if (RARE(size > 1008)) return miss(size);
  cache = &caches[size / 16];
  if (RARE(cache->count == 0)) return miss(size);
  return cache->slot[--cache->count];
}

static inline __attribute__((always_inline)) void put(void *p) {
  size_t tag = (size_t)p >> 16;
  struct cache *cache;
  if (RARE(tag > 63)) return full(p);
  cache = &caches[tag];
  if (RARE(cache->count == cache->capacity)) return full(p);
  cache->slot[cache->count++] = p;
}

void *good_malloc(size_t size) {
  return take(size);
}

void good_free(void *p) {
  put(p);
}

/* Uses a register that it has to save by a push. */
void *pushing_malloc(size_t size) {
  __asm__ volatile("" : : : "rbx");
  return take(size);
}

void pushing_free(void *p) {
  __asm__ volatile("" : : : "r12");
  put(p);
}

/* Saves a register below the stack pointer, without a push. */
void *spilling_malloc(size_t size) {
  __asm__ volatile("mov %%rcx, -8(%%rsp)" : : : "memory");
  return take(size);
}

/* Calls on the hit path. */
void *calling_malloc(size_t size) {
  void *p = take(size);
  full(p);
  return p;
}

/* A dial in memory is asked at every call: a branch that is no size test. */
void *asking_malloc(size_t size) {
  if (RARE(dial)) return miss(size);
  return take(size);
}

/* Two tests of the size. */
void *sorting_malloc(size_t size) {
  if (RARE(size == 77)) return miss(1);
  __asm__ volatile("" : "+r"(size));
  return take(size);
}

void asking_free(void *p) {
  if (RARE(dial)) return full(NULL);
  put(p);
}
