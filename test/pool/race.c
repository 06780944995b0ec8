/* pool, raced - threads that get slabs, hand their blocks to each other, and let go.
 *
 * A third gives free pages of slabs that nobody owns back all the time. A block's first word says
 * which thread got it and when; whoever returns it checks the word.
 */
#include "diag/counter.h"
#include "diag/option.h"
#include "helpers/box.h"
#include "helpers/slabs.h"
#include "pool/decay.h"
#include "pool/pool.h"

enum { THREADS = 2, ROUNDS = 400000, BOXES = 512, CLASSES_USED = 3 };

static const unsigned used[CLASSES_USED] = {20, 28, 44}; /* 64, 16 and 8 blocks of a slab */

static void *volatile box[BOXES];
static long spoilt;
static long twice;
static bool stopping;

static void return_block(void *p) {
  uintptr_t *words = p;
  struct slab *slab = slab_of(p);
  if (words[0] != ~words[1] || words[1] == 0) add_rlx(&spoilt, 1);
  words[0] = words[1] = 0;
  if (!pool_return_block_any(slab, p)) add_rlx(&twice, 1);
}

static void hand_on(void *p, uint64_t *state) {
  uintptr_t *words = p;
  void *before;
  if (words[0] || words[1]) add_rlx(&spoilt, 1); /* the last holder cleared them, or the system */
  words[1] = random_next(state) | 1;
  words[0] = ~words[1];
  before = __atomic_exchange_n(&box[random_below(state, BOXES)], p, __ATOMIC_ACQ_REL);
  if (before) return_block(before);
}

static void *exchange(void *pointer) {
  uint64_t state = (uintptr_t)pointer;
  struct refusal why;
  struct slab *taken;
  for (int i = 0; i < ROUNDS; i++) {
    unsigned class = used[random_below(&state, CLASSES_USED)];
    struct slab *slab = pool_get(class, (uint32_t)(uintptr_t)pointer, &taken, &why);
    void *out[64];
    unsigned n = slab ? slab_claim(slab, out, 1 + (unsigned)random_below(&state, 64)) : 0;
    if (!slab) return (void *)1;
    for (unsigned k = 0; k < n; k++) hand_on(out[k], &state);
    if (random_below(&state, 2) || !let_go_if_empty(slab)) pool_let_go(slab);
  }
  return NULL;
}

/* What it takes away, others' live blocks must not miss. */
static void *purge(void *unused) {
  while (!ld_rlx(&stopping)) decay_trim_slabs(0);
  return unused;
}

int main(void) {
  pthread_t thread[THREADS];
  pthread_t purger;
  void *refused;
  clearenv();
  option_load();
  test_begin(
      "two threads hand each other blocks of slabs that nobody keeps: none is lost or doubled");
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, exchange, (void *)(i + 1));
  pthread_create(&purger, NULL, purge, NULL);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(thread[i], &refused);
    CHECK(!refused);
  }
  st_rlx(&stopping, true);
  pthread_join(purger, NULL);
  CHECK_MSG(!spoilt, "%ld blocks held what another wrote", spoilt);
  CHECK_MSG(!twice, "%ld blocks were free already", twice);
  CHECK(pool_check() == 0 && super_check() == 0);
  for (int i = 0; i < BOXES; i++)
    if (box[i]) return_block(box[i]);
  CHECK(pool_check() == 0 && super_check() == 0);
  pool_drop_kept(true);
  CHECK_MSG(count_read(CNT_UNITS_TAKEN) == count_read(CNT_UNITS_GIVEN), "%ld units are held",
            (long)(count_read(CNT_UNITS_TAKEN) - count_read(CNT_UNITS_GIVEN)));
  test_end();
  test_begin("meanwhile a third thread gave free pages of slabs back, some hundreds at least");
  CHECK_MSG(count_read(CNT_SPARSE_BYTES) > 300 * 4096, "%zu bytes",
            (size_t)count_read(CNT_SPARSE_BYTES));
  test_end();
  test_begin("and slabs went through the lists and back to fresh units many times");
  CHECK(count_read(CNT_SLABS_RELISTED) > 100 && count_read(CNT_SLABS_RECYCLED) > 100);
  test_end();
  return test_status();
}
