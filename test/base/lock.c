/* lock - one holder at a time, waiters asleep, errno untouched. */
#include "base/lock.h"

#include <errno.h>

#include "helpers/box.h"

enum { MOST_THREADS = 8, INCREMENTS = 100000 };

static struct lock lock;
static volatile long
    shared;            /* guarded by `lock`; volatile, so that each step reads and writes it */
static long tries_won; /* guarded by `lock` */

static void round_trip(void) {
  struct lock own = {0};
  test_begin("a lock that was dropped is free, one that was taken is held");
  CHECK(!lock_held(&own));
  lock_take(&own);
  CHECK(lock_held(&own) && own.word == 1);
  lock_drop(&own);
  CHECK(!lock_held(&own) && own.word == 0);
  test_end();
  test_begin("lock_try takes a free lock and refuses a held one");
  CHECK(lock_try(&own));
  CHECK(lock_held(&own));
  CHECK(!lock_try(&own));
  lock_drop(&own);
  CHECK(lock_try(&own));
  lock_drop(&own);
  test_end();
}

static long errno_changed; /* threads whose errno a take or drop changed */

static void *increment(void *unused) {
  (void)unused;
  errno = 77;
  for (int i = 0; i < INCREMENTS; i++) {
    lock_take(&lock);
    shared = shared + 1;
    lock_drop(&lock);
  }
  if (errno != 77) add_rlx(&errno_changed, 1);
  return NULL;
}

static void *increment_by_try(void *unused) {
  (void)unused;
  for (int i = 0; i < INCREMENTS; i++) {
    if (!lock_try(&lock)) continue;
    shared = shared + 1;
    tries_won++;
    lock_drop(&lock);
  }
  return NULL;
}

static void contention(void) {
  pthread_t thread[MOST_THREADS];
  test_begin("2 to 8 threads lose no increment under the lock");
  for (int n = 2; n <= MOST_THREADS; n++) {
    shared = 0;
    for (int i = 0; i < n; i++) pthread_create(&thread[i], NULL, increment, NULL);
    for (int i = 0; i < n; i++) pthread_join(thread[i], NULL);
    CHECK_MSG(shared == (long)n * INCREMENTS, "%d threads: %ld", n, shared);
    CHECK_MSG(lock.word == 0, "%d threads leave the word %u", n, lock.word);
  }
  test_end();
  test_begin("lock_try beside lock_take loses no increment");
  shared = tries_won = 0;
  for (int i = 0; i < 4; i++)
    pthread_create(&thread[i], NULL, i % 2 ? increment : increment_by_try, NULL);
  for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  CHECK_MSG(shared == 2L * INCREMENTS + tries_won, "%ld, %ld tries won", shared, tries_won);
  CHECK(tries_won > 0);
  test_end();
}

struct waiter {
  int error;      /* its errno, after it waited */
  double seconds; /* of processor time it used while it waited */
};

static void *wait_for_lock(void *pointer) {
  struct waiter *w = pointer;
  struct timespec used;
  errno = 77;
  lock_take(&lock);
  w->error = errno;
  lock_drop(&lock);
  if (errno != 77) w->error = errno;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  w->seconds = (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
  return NULL;
}

static void waiting(void) {
  struct waiter waiters[MOST_THREADS] = {{0, 0}};
  pthread_t thread[MOST_THREADS];
  struct timespec hold = {0, 200000000};
  lock_take(&lock);
  for (int i = 0; i < MOST_THREADS; i++)
    pthread_create(&thread[i], NULL, wait_for_lock, &waiters[i]);
  nanosleep(&hold, NULL);
  errno = 78;
  test_begin("a lock that others wait for says so, and wakes them all when it is dropped");
  CHECK_MSG(ld_rlx(&lock.word) == 2, "the word is %u", ld_rlx(&lock.word));
  lock_drop(&lock);
  CHECK_MSG(errno == 78, "errno is %d after the drop", errno);
  for (int i = 0; i < MOST_THREADS; i++) pthread_join(thread[i], NULL);
  CHECK(lock.word == 0);
  test_end();
  test_begin("a waiter sleeps: 200 ms of waiting use less than 50 ms of its processor");
  for (int i = 0; i < MOST_THREADS; i++)
    CHECK_MSG(waiters[i].seconds < 0.05, "%.3f s", waiters[i].seconds);
  test_end();
  test_begin("errno is preserved by a take that waits and a drop that wakes");
  CHECK_MSG(!errno_changed, "changed in %ld threads that contended", errno_changed);
  for (int i = 0; i < MOST_THREADS; i++)
    CHECK_MSG(waiters[i].error == 77, "errno is %d", waiters[i].error);
  test_end();
}

int main(void) {
  alarm(120); /* a waiter that nobody wakes would wait for ever */
  round_trip();
  contention();
  waiting();
  return test_status();
}
