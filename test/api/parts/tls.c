/* tls - a program with 1 MiB of thread-local storage, and more in each library it is linked to. */
#include "../api.h"

#include <pthread.h>

static __thread char big[1 << 20];

/* Each thread's storage starts as zeros, is its own, and survives what the allocator does. */
static void *use(void *failed) {
  struct block blocks[64];
  for (size_t i = 0; i < sizeof big; i += 4096)
    if (big[i] != 0) *(int *)failed = 1;
  memset(big, 0x77, sizeof big);
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    size_t n = api_tiers[i % COUNT_OF(api_tiers)];
    struct block b = {malloc(n), n, n, i};
    api_fill(b.p, n, i);
    blocks[i] = b;
  }
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    struct block *b = &blocks[i];
    if (!api_intact(b->p, b->size, b->size, i)) *(int *)failed = 1;
    free(b->p);
  }
  for (size_t i = 0; i < sizeof big; i++)
    if (big[i] != 0x77) *(int *)failed = 1;
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  int failed[5] = {0};
  alarm(60);
  api_served();
  test_begin("1 MiB of thread-local storage and more in libraries: it and the blocks are whole");
  use(&failed[4]);
  for (size_t i = 0; i < 4; i++)
    CHECK(pthread_create(&threads[i], NULL, use, &failed[i]) == 0);
  for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  for (size_t i = 0; i < 5; i++) CHECK_MSG(!failed[i], "thread %zu saw a change", i);
  test_end();
  return api_close();
}
