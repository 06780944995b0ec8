/* keys - allocation in the destructors of thread-specific data, also in the last round of them. */
#include "api.h"

#include <limits.h>
#include <pthread.h>

#define KEYS 24
#define ROUNDS PTHREAD_DESTRUCTOR_ITERATIONS
#define THREADS 4000

static pthread_key_t keys[KEYS];
static __thread int calls[KEYS]; /* of each key's destructor, in this thread */
static int total_calls;
static int lost;

struct value {
  size_t key, size;
  unsigned char *data;
};

static struct value *value_new(size_t key, size_t size) {
  struct value *v = malloc(sizeof *v);
  v->key = key;
  v->size = size;
  v->data = opaque_ptr(malloc(opaque(size)));
  api_fill(v->data, size, key);
  return v;
}

static void value_free(struct value *v) {
  if (!api_intact(v->data, v->size, v->size, v->key))
    __atomic_fetch_add(&lost, 1, __ATOMIC_RELAXED);
  free(v->data);
  free(v);
}

/* Frees the value and sets a new one, until the last round that POSIX promises. */
static void destroy(void *p) {
  struct value *v = p;
  size_t key = v->key, size = v->size;
  void *scratch[64];
  __atomic_fetch_add(&total_calls, 1, __ATOMIC_RELAXED);
  value_free(v);
  for (size_t i = 0; i < COUNT_OF(scratch); i++) scratch[i] = opaque_ptr(malloc(opaque(16 * i)));
  for (size_t i = 0; i < COUNT_OF(scratch); i++) free(scratch[i]);
  if (++calls[key] < ROUNDS) pthread_setspecific(keys[key], value_new(key, size));
}

static void *set_all(void *unused) {
  for (size_t i = 0; i < KEYS; i++)
    pthread_setspecific(keys[i], value_new(i, api_tiers[i % 6] + i));
  return unused;
}

static void run_threads(int count, void *(*body)(void *), void *argument) {
  for (int i = 0; i < count; i += 2) {
    pthread_t pair[2];
    for (int k = 0; k < 2; k++)
      CHECK_MSG(pthread_create(&pair[k], NULL, body, argument) == 0, "no thread");
    for (int k = 0; k < 2; k++) pthread_join(pair[k], NULL);
  }
}

static void all_rounds(void) {
  size_t before, after;
  test_begin("24 keys set anew in each of the 4 rounds of destructors: content kept, no leak");
  for (size_t i = 0; i < KEYS; i++) CHECK(pthread_key_create(&keys[i], destroy) == 0);
  run_threads(200, set_all, NULL);
  before = api_resident();
  run_threads(THREADS, set_all, NULL);
  after = api_resident();
  CHECK_MSG(total_calls == (THREADS + 200) * KEYS * ROUNDS, "%d calls", total_calls);
  CHECK_MSG(lost == 0, "%d values lost their content", lost);
  CHECK_MSG(after < before + 4 * MIB, "resident memory grew by %zu KiB", (after - before) / KIB);
  for (size_t i = 0; i < KEYS; i++) pthread_key_delete(keys[i]);
  test_end();
}

static pthread_key_t late;

static void first_call_of_thread(void *given) {
  void *p = opaque_ptr(calloc(1, opaque(500)));
  if (!p || !api_zero(p, 500)) __atomic_fetch_add(&lost, 1, __ATOMIC_RELAXED);
  free(p);
  if (given != &late) free(given);
}

/* Sets a value without allocating: the destructor makes the thread's first call. */
static void *silent(void *given) {
  pthread_setspecific(late, given);
  return NULL;
}

static void first_call(void) {
  size_t before, after;
  test_begin("a thread whose first allocation is in a destructor works and leaves nothing");
  CHECK(pthread_key_create(&late, first_call_of_thread) == 0);
  run_threads(100, silent, &late);
  before = api_resident();
  run_threads(THREADS, silent, &late);
  after = api_resident();
  CHECK_MSG(lost == 0, "%d bad blocks", lost);
  CHECK_MSG(after < before + 4 * MIB, "resident memory grew by %zu KiB", (after - before) / KIB);
  test_end();
}

static void first_free(void) {
  test_begin("a thread whose only call is a free in a destructor works");
  for (int i = 0; i < 500; i++) {
    pthread_t thread;
    void *p = opaque_ptr(malloc(opaque(api_tiers[(size_t)i % COUNT_OF(api_tiers)])));
    CHECK(pthread_create(&thread, NULL, silent, p) == 0);
    pthread_join(thread, NULL);
  }
  CHECK_MSG(lost == 0, "%d bad blocks", lost);
  pthread_key_delete(late);
  test_end();
}

int main(void) {
  api_served();
  all_rounds();
  first_call();
  first_free();
  return api_close();
}
