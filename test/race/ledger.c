/* ledger - drawn up and trimmed while threads allocate, free each other's blocks, end and begin:
 * nothing breaks, and the sum stays near what the kernel counts. */
#include "../api/api.h"

#include <pthread.h>

#pragma weak hak_ledger
#pragma weak hak_ledger_print

enum { THREADS = 4, SLOTS = 3000, ROUNDS = 100 };

static void *shared[SLOTS];
static int stop;
static struct hak_ledger_figures ledger;

static size_t some_size(uint64_t *random) {
  size_t shift = api_random(random) % 19;
  return 1 + (size_t)(api_random(random) % ((size_t)16 << (shift < 17 ? shift % 12 : shift)));
}

/* Blocks of one size at a time, all of which go: their slabs are soon those of another class. */
static void *shift(void *argument) {
  static const size_t sizes[] = {262144, 4096, 16, 65536, 1024, 20000};
  void *block[400];
  for (size_t i = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
    size_t size = sizes[i % (sizeof sizes / sizeof *sizes)];
    size_t n = size > 100000 ? 16 : size > 10000 ? 60 : 400;
    for (size_t k = 0; k < n; k++) block[k] = malloc(opaque(size));
    for (size_t k = 0; k < n; k++) free(block[k]);
    malloc_trim(0);
  }
  return argument;
}

static int has_negative(void) {
  int found = 0;
  for (int i = 0; i < HAK_LEDGER_ROWS; i++)
    found |= (int64_t)ledger.line[i].bytes < 0 || (int64_t)ledger.line[i].resident < 0;
  for (int i = 0; i < HAK_LEDGER_CLASSES; i++) found |= (int64_t)ledger.classes[i].live < 0;
  return found;
}

/* Puts blocks into slots that all threads share, and frees what it finds there. */
static void *churn(void *argument) {
  uint64_t random = (uintptr_t)argument;
  for (size_t i = 0; i < 20000 && !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
    size_t size = some_size(&random);
    char *p = opaque_ptr(malloc(opaque(size)));
    void *old;
    if (p) p[0] = p[size - 1] = 1;
    old = __atomic_exchange_n(&shared[api_random(&random) % SLOTS], p, __ATOMIC_ACQ_REL);
    free(old);
  }
  return NULL;
}

/* Keeps threads coming and going. */
static void *spawn(void *argument) {
  for (uintptr_t n = 1; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, churn, (void *)(n * 64 + (uintptr_t)argument)) != 0) break;
    pthread_join(thread, NULL);
  }
  return NULL;
}

static void never_negative(void) {
  pthread_t threads[2];
  size_t negative = 0;
  test_begin("no line is negative while slabs become those of other classes");
  stop = 0;
  for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, shift, NULL) == 0);
  for (int i = 0; i < 3000; i++) {
    CHECK(hak_ledger(&ledger) == 0);
    negative += (size_t)has_negative();
    usleep(200);
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  CHECK_MSG(negative == 0, "%zu of 3,000 ledgers have a negative line", negative);
  test_end();
}

int main(int argc, char **argv) {
  pthread_t threads[THREADS];
  size_t near = 0;
  (void)argc;
  api_preload(argv);
  api_served();
  test_begin("the ledger and trims beside four busy threads: nothing breaks, sums are near");
  for (uintptr_t i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, spawn, (void *)(i + 1)) == 0);
  for (int i = 0; i < ROUNDS; i++) {
    CHECK(hak_ledger && hak_ledger(&ledger) == 0);
    /* blocks come and go while it is drawn up */
    near += ledger.resident < ledger.kernel_resident * 2 &&
            ledger.kernel_resident < ledger.resident * 2;
    if (i % 10 == 0) malloc_trim(0);
  }
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  CHECK_MSG(near > ROUNDS / 2, "%zu of %d sums are within a factor of 2 of VmRSS", near, ROUNDS);
  for (size_t i = 0; i < SLOTS; i++) free(shared[i]);
  test_end();
  never_negative();
  return api_close();
}
