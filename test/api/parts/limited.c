/* limited - a program under a limit of address space: much fits, the rest is refused cleanly. */
#include "../api.h"

#include <pthread.h>

#define BLOCKS 1000000

static void *blocks[BLOCKS];

/* Fills the address space with N-byte blocks, at least WANT bytes of them, and frees them all. */
static void fill(size_t n, size_t want) {
  size_t count = 0;
  errno = 0;
  while (count < BLOCKS && (blocks[count] = opaque_ptr(malloc(opaque(n))))) {
    memset(blocks[count], (int)count, n);
    count++;
  }
  CHECK_MSG(count < BLOCKS && errno == ENOMEM, "no refusal, errno %d", errno);
  CHECK_MSG(count * n >= want, "only %zu blocks of %zu bytes fit", count, n);
  for (size_t i = 0; i < count; i++)
    CHECK(((unsigned char *)blocks[i])[n - 1] == (unsigned char)i);
  for (size_t i = 0; i < count; i++) free(blocks[i]);
}

static void *in_thread(void *failed) {
  for (size_t i = 0; i < 2000; i++) {
    void *p = opaque_ptr(malloc(1 + i * 13));
    if (!p) __atomic_store_n((int *)failed, 1, __ATOMIC_RELAXED);
    free(p);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  int failed = 0;
  alarm(60);
  api_served();
  test_begin("four threads allocate");
  for (size_t i = 0; i < 4; i++)
    CHECK(pthread_create(&threads[i], NULL, in_thread, &failed) == 0);
  for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK_MSG(!failed, "a thread got no memory");
  test_end();
  test_begin("60 MiB and more fit in blocks of 1,000 bytes, then ENOMEM");
  fill(1000, 60 * MIB);
  test_end();
  test_begin("60 MiB and more fit in blocks of 200,000 bytes, then ENOMEM");
  fill(200000, 60 * MIB);
  test_end();
  test_begin("60 MiB and more fit in blocks of 5 MB, then ENOMEM");
  fill(5000000, 60 * MIB);
  test_end();
  return api_close();
}
