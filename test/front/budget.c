/* budget - what all threads together may cache, and what adapting magazines make of it. */
#include "front/budget.h"

#include "front/front.h"
#include "helpers/caches.h"

enum { THREADS = 24, BLOCKS = 400 };

static size_t sum_of_grants(void) {
  size_t sum = 0;
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    const struct thread *t = LINK_OWNER(link, struct thread, all);
    size_t own = 0;
    for (unsigned class = 1; class < CLASSES; class++)
      own += t->cell[class].granted * class_size(class);
    CHECK_MSG(own == t->granted, "thread %u: %zu granted to its classes, %zu in all", t->id, own,
              t->granted);
    sum += own;
  }
  thread_unlock();
  return sum;
}

static void round_trip(void) {
  struct thread *t = thread_self();
  size_t before;
  front_flush();
  before = budget_granted();
  test_begin("what was granted is counted until it is returned, and a share has an end");
  CHECK(budget_take(t, 1000) && budget_granted() == before + 1000 && t->granted == 1000);
  CHECK(!budget_take(t, CACHE_THREAD_MOST) && budget_granted() == before + 1000);
  CHECK(t->granted <= t->share);
  budget_return(t, 1000);
  CHECK(budget_granted() == before && t->granted == 0 && sum_of_grants() == before);
  test_end();
}

/* Alternating demand for blocks of SIZE. */
static void swing(size_t size, int times) {
  static __thread void *block[BLOCKS];
  for (int k = 0; k < times; k++) {
    for (int i = 0; i < BLOCKS; i++) block[i] = front_alloc(size, NULL);
    for (int i = 0; i < BLOCKS; i++) front_free(block[i]);
  }
}

static void adapting(void) {
  struct thread *t = thread_self();
  unsigned class = class_of(2000);
  unsigned grown;
  test_begin("a magazine grows under alternating demand, shrinks when it idles, and holds no more");
  swing(2000, 1);
  grown = t->cell[class].capacity;
  swing(2000, 10);
  CHECK_MSG(
      t->cell[class].capacity >= grown && magazine_blocks(t, class) <= t->cell[class].capacity,
      "%u blocks for a capacity of %u", magazine_blocks(t, class), t->cell[class].capacity);
  grown = t->cell[class].capacity;
  CHECK(grown > class_table[class].capacity / 2);
  for (size_t size = 3000; size < 30000; size += 100) swing(size, 1);
  CHECK_MSG(t->cell[class].capacity < grown, "%u after %u", t->cell[class].capacity, grown);
  CHECK(magazine_blocks(t, class) <= t->cell[class].capacity &&
        sum_of_grants() == budget_granted());
  check_cached_once(t);
  CHECK_ALL();
  front_flush();
  CHECK(t->granted == 0 && live_blocks() == 0);
  test_end();
}

/* Tables of rows, each of another size, one after the other. Returns what stays cached. */
static size_t tables_in_turn(void) {
  const struct thread *t = thread_self();
  size_t cached = 0;
  for (int k = 0; k < 5 * 32; k++) swing(1100 + 512 * (size_t)(k % 32), 1);
  for (unsigned class = 1; class < CLASSES; class++)
    cached += magazine_blocks(t, class) * class_size(class);
  return cached;
}

static void hoarding(void) {
  size_t little;
  size_t much;
  void *use = front_alloc(64 * MIB, NULL);
  test_begin("a thread does not cache many times what is in use");
  much = tables_in_turn();
  front_free(use);
  front_flush();
  little = tables_in_turn();
  CHECK_MSG(little < 10 * MIB && much > 12 * MIB, "%zu cached, and %zu with 64 MiB in use", little,
            much);
  front_flush();
  test_end();
}

static pthread_barrier_t barrier;

static void *fill_caches(void *unused) {
  (void)unused;
  for (size_t size = 500; size < 60000; size += size / 4) swing(size, 2);
  pthread_barrier_wait(&barrier); /* all have cached */
  pthread_barrier_wait(&barrier); /* the main thread has looked */
  return NULL;
}

static void many_threads(void) {
  pthread_t thread[THREADS];
  size_t cached = 0;
  size_t most = 0;
  test_begin(
      "24 threads that cache all sizes hold no more than the total; at their end it is returned");
  front_flush();
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, fill_caches, NULL);
  pthread_barrier_wait(&barrier);
  most = max_size(CACHE_TOTAL_FEW, (size_t)sysconf(_SC_NPROCESSORS_ONLN) * CACHE_PER_PROCESSOR);
  CHECK_MSG(budget_granted() <= most && budget_granted() > 0, "%zu granted", budget_granted());
  CHECK(sum_of_grants() == budget_granted());
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    const struct thread *t = LINK_OWNER(link, struct thread, all);
    for (unsigned class = 1; class < CLASSES; class++) {
      const struct cell *cell = &t->cell[class];
      CHECK(magazine_blocks(t, class) <= cell->capacity);
      CHECK(cell->capacity <= max_size(cell->granted, 2));
      cached += magazine_blocks(t, class) * class_size(class);
    }
  }
  thread_unlock();
  CHECK_MSG(cached <= most + THREADS * 4 * MIB, "%zu cached", cached);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  CHECK_MSG(budget_granted() == 0 && sum_of_grants() == 0, "%zu stay granted", budget_granted());
  CHECK(live_blocks() == 0);
  CHECK_ALL();
  test_end();
}

int main(void) {
  clearenv();
  front_free(front_alloc(1, NULL));
  round_trip();
  adapting();
  hoarding();
  many_threads();
  return test_status();
}
