/* thread - births and ends: everything goes back, and the next thread takes over. */
#include "front/thread.h"

#include <limits.h>

#include "front/front.h"
#include "helpers/caches.h"
#include "os/process.h"

enum { BLOCKS = 3000 };

/* Apart from what the pool keeps of empty slabs. */
static uint64_t units_held(void) {
  pool_drop_kept(true);
  return count_read(CNT_UNITS_TAKEN) - count_read(CNT_UNITS_GIVEN);
}

static unsigned threads_ever(void) {
  unsigned n = 0;
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    n++;
  }
  thread_unlock();
  return n;
}

/* Blocks of all classes, all freed, so that magazines and outbox are full of them. */
static void use_all_classes(uint64_t seed) {
  static __thread void *block[BLOCKS];
  for (unsigned i = 0; i < BLOCKS; i++) {
    unsigned class = 1 + (unsigned)random_below(&seed, CLASSES - 1);
    block[i] = front_alloc(i % 10 ? random_below(&seed, 3000) : class_size(class), NULL);
  }
  for (unsigned i = 0; i < BLOCKS; i++) front_free(block[i]);
}

static void *live_and_end(void *pointer) {
  use_all_classes((uintptr_t)pointer);
  *(uint32_t *)pointer = thread_self()->id;
  return NULL;
}

static uint32_t run_thread(void) {
  uint32_t id = 0;
  pthread_t thread;
  if (pthread_create(&thread, NULL, live_and_end, &id) != 0) return 0;
  pthread_join(thread, NULL);
  return id;
}

static void nothing_cached(const struct thread *except) {
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    const struct thread *t = LINK_OWNER(link, struct thread, all);
    if (t == except) continue;
    CHECK_MSG(!t->living && !cached_blocks(t), "thread %u holds %u blocks", t->id,
              cached_blocks(t));
    for (unsigned class = 0; class < CLASSES; class++) CHECK(!t->cell[class].slab);
  }
  thread_unlock();
}

static void round_trip(void) {
  struct thread *self;
  uint64_t born;
  test_begin("a thread that never allocated has closed gates and is known to nobody");
  CHECK(self_gates == &unborn_gates && self_gates->owner_tag == 0 && threads_ever() == 0);
  for (size_t code = 0; code < CODES; code += 2) CHECK(front_pop(self_gates, code) == NULL);
  test_end();
  test_begin("its first block gives birth to it, once, with open gates and an id of its own");
  front_free(front_alloc(1, NULL));
  self = thread_self();
  CHECK(self && self == thread_self() && self->living && self->id >= 1);
  CHECK(self_gates == &self->gates && self_gates->owner_tag == self->id << TAG_OWNER_SHIFT);
  CHECK(count_read(CNT_THREADS_BORN) == 1 && threads_ever() == 1);
  test_end();
  test_begin("a thread that ends returns all that it cached, and lets go of its slabs");
  front_flush();
  born = count_read(CNT_THREADS_BORN);
  for (int i = 0; i < 5; i++) {
    CHECK(run_thread() > 0 && units_held() == 0 && live_blocks() == 0);
    nothing_cached(self);
    CHECK_ALL();
  }
  CHECK(count_read(CNT_THREADS_BORN) == born + 5 && count_read(CNT_THREADS_ENDED) == 5);
  test_end();
}

/* bytes; a second superslab may be mapped, depending on which units are free when */
enum { META_MORE = 512 * 1024 };

static void reuse(void) {
  uint32_t id = run_thread();
  unsigned ever = threads_ever();
  uint64_t meta = count_read(CNT_META_BYTES);
  size_t before;
  test_begin("a new thread takes over the memory and the id of the one that ended last");
  for (int i = 0; i < 20; i++) CHECK(run_thread() == id);
  CHECK(threads_ever() == ever && count_read(CNT_META_BYTES) <= meta + META_MORE);
  test_end();
  test_begin("2,000 short threads leave descriptors, superslabs and resident memory flat");
  before = os_resident_bytes();
  for (int i = 0; i < 2000; i++) run_thread();
  CHECK_MSG(threads_ever() == ever && units_held() == 0, "%u threads ever, %lu units",
            threads_ever(), (unsigned long)units_held());
  CHECK_MSG(count_read(CNT_META_BYTES) <= meta + META_MORE, "%lu bytes of descriptors, then %lu",
            (unsigned long)meta, (unsigned long)count_read(CNT_META_BYTES));
  CHECK_MSG(os_resident_bytes() < before + 4 * MIB, "%zu, then %zu", before, os_resident_bytes());
  test_end();
}

static pthread_barrier_t barrier;

static void *live_together(void *pointer) {
  *(uint32_t *)pointer = thread_self()->id;
  pthread_barrier_wait(&barrier);
  use_all_classes((uintptr_t)pointer);
  pthread_barrier_wait(&barrier);
  return NULL;
}

static void together(void) {
  enum { THREADS = 16 };
  pthread_t thread[THREADS];
  uint32_t id[THREADS] = {0};
  test_begin("threads that live at once have ids of their own");
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, live_together, &id[i]);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  for (int i = 0; i < THREADS; i++) {
    CHECK(id[i] > 0 && id[i] != thread_self()->id);
    for (int k = 0; k < i; k++) CHECK_MSG(id[i] != id[k], "two threads are %u", id[i]);
  }
  CHECK(units_held() == 0 && live_blocks() == 0);
  nothing_cached(thread_self());
  CHECK_ALL();
  test_end();
}

/* --- blocks after the end of the thread's caches --- */

static pthread_key_t late_key;
static void *late_kept[3];

/* Comes back until the destructors' last round, so that it also runs after the thread has ended. */
static void late(void *pointer) {
  uintptr_t round = (uintptr_t)pointer;
  void *p = front_alloc(100 * round, NULL);
  CHECK_MSG(p && block_is_out(p), "no block in round %lu of the destructors", (unsigned long)round);
  if (p) memset(p, 1, 100 * round);
  CHECK(front_free(p));
  if (round >= PTHREAD_DESTRUCTOR_ITERATIONS) return;
  late_kept[round % 3] = front_alloc(50000, NULL);
  CHECK(front_free(late_kept[round % 3]));
  pthread_setspecific(late_key, (void *)(round + 1));
}

static void *with_late_key(void *unused) {
  (void)unused;
  pthread_setspecific(late_key, (void *)1);
  use_all_classes(3);
  return NULL;
}

static void after_the_end(void) {
  pthread_t thread;
  uint64_t ended = count_read(CNT_THREADS_ENDED);
  test_begin(
      "destructors that run after the thread's end are served without caches, and leak nothing");
  pthread_key_create(&late_key, late);
  pthread_create(&thread, NULL, with_late_key, NULL);
  pthread_join(thread, NULL);
  CHECK(count_read(CNT_THREADS_ENDED) == ended + 1 && live_blocks() == 0);
  CHECK_ALL();
  test_end();
}

static void gates(void) {
  struct thread *t = thread_self();
  void *p = front_alloc(64, NULL);
  unsigned class = class_of(64);
  unsigned before;
  test_begin(
      "a closed gate hides its blocks from the hit path and keeps them; opened, they are there");
  front_free(p);
  before = magazine_blocks(t, class);
  CHECK(before > 0);
  thread_close(t, class);
  CHECK(magazine_blocks(t, class) == before && front_pop(self_gates, 2 * (size_t) class) == NULL);
  CHECK(t->gates.mag[class].top == t->gates.mag[class].limit);
  thread_open(t, class);
  thread_open(t, class);
  CHECK(magazine_blocks(t, class) == before && front_pop(self_gates, 2 * (size_t) class) == p);
  front_free(p);
  test_end();
}

int main(void) {
  clearenv();
  round_trip();
  reuse();
  together();
  after_the_end();
  gates();
  return test_status();
}
