/* sleepers - 1,000 threads that each allocated and freed 1 MiB in small blocks, and now sleep. */
#include <pthread.h>

#include "front/front.h"
#include "helpers/caches.h"

enum { SLEEPERS = 1000, BYTES = 1 << 20, BLOCKS = BYTES / 16 };

static pthread_barrier_t asleep, awake;

/* Small blocks of random sizes, 1 MiB of them, then all freed: by turns, as programs do. */
static void *work_and_sleep(void *pointer) {
  static __thread void *block[512];
  uint64_t state = (uintptr_t)pointer * 77 + 1;
  for (size_t done = 0; done < BYTES;) {
    for (int i = 0; i < 512; i++) {
      size_t size = 16 + random_below(&state, 1009);
      block[i] = front_alloc(size, NULL);
      done += size;
    }
    for (int i = 0; i < 512; i++) front_free(block[i]);
  }
  pthread_barrier_wait(&asleep);
  pthread_barrier_wait(&awake);
  return NULL;
}

static size_t cached_bytes(void) {
  size_t bytes = 0;
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    const struct thread *t = LINK_OWNER(link, struct thread, all);
    for (unsigned class = 1; class < CLASSES; class++)
      bytes += (size_t)thread_cached(t, class) * class_size(class);
  }
  thread_unlock();
  return bytes;
}

int main(void) {
  static pthread_t thread[SLEEPERS];
  pthread_attr_t attributes;
  size_t cached;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  pthread_barrier_init(&asleep, NULL, SLEEPERS + 1);
  pthread_barrier_init(&awake, NULL, SLEEPERS + 1);
  test_begin("1,000 sleeping threads hold at most 32 MiB of cached blocks in all, and not nothing");
  for (uintptr_t i = 0; i < SLEEPERS; i++)
    if (pthread_create(&thread[i], &attributes, work_and_sleep, (void *)i) != 0) {
      test_fail("no thread %lu", (unsigned long)i);
      return test_status();
    }
  pthread_barrier_wait(&asleep);
  cached = cached_bytes();
  printf("# %zu KiB cached\n", cached / KIB);
  CHECK_MSG(cached <= 32 * MIB && cached > 0, "%zu KiB are cached", cached / KIB);
  pthread_barrier_wait(&awake);
  for (int i = 0; i < SLEEPERS; i++) pthread_join(thread[i], NULL);
  CHECK_MSG(cached_bytes() == 0, "%zu bytes stay cached at their end", cached_bytes());
  test_end();
  return test_status();
}
