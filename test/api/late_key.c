/* late_key - a thread ends for the allocator, too, whose first block libc takes for its keys. */
#include "api.h"

#include <pthread.h>

enum { KEYS = 40, THREADS = 100 }; /* libc keeps the first 32 in the thread itself */

static pthread_key_t keys[KEYS];

static void *set(void *unused) {
  pthread_setspecific(keys[KEYS - 1], keys);
  free(opaque_ptr(malloc(opaque(100))));
  return unused;
}

int main(void) {
  int made = 0;
  uint64_t before;
  for (int i = 0; i < KEYS; i++) made += pthread_key_create(&keys[i], NULL) == 0;
  api_served();
  test_begin("100 threads that set the last of 40 keys first are not counted as living afterwards");
  CHECK_MSG(made == KEYS, "%d keys", made);
  before = api_living();
  for (int i = 0; i < THREADS; i++) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, set, NULL) == 0);
    pthread_join(thread, NULL);
  }
  CHECK_MSG(api_living() == before, "%llu live, before it were %llu",
            (unsigned long long)api_living(), (unsigned long long)before);
  test_end();
  return api_close();
}
