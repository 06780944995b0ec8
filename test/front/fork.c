/* fork - a child of a multi-threaded process: it works at once, and holds nothing of the others'.
 *
 * Four threads allocate, free and hand blocks to each other while the first forks, so that forks
 * fall into refills, flushes, settlements, births and ends.
 */
#include "front/front.h"

#include "diag/option.h"
#include "helpers/caches.h"
#include "pool/decay.h"

/* After SECONDS no more than FORKS_LEAST, on a machine so busy, and for those SECONDS_MOST. */
enum { CHURNERS = 4, FORKS = 300, FORKS_LEAST = 50, SLOTS = 64, SECONDS = 20, SECONDS_MOST = 70 };

static void *volatile exchange[SLOTS];
static volatile bool stopping;
static bool trimmed;

static size_t random_size(uint64_t *state) {
  uint64_t kind = random_below(state, 100);
  if (kind < 80) return random_below(state, 1025);
  if (kind < 98) return random_below(state, CLASS_MAX);
  return random_below(state, MIB);
}

/* Blocks enough for slabs to fill, to be left, and to become empty again. */
static void churn(uint64_t *state, unsigned rounds) {
  enum { BLOCKS = 600 };
  static __thread void *block[BLOCKS];
  while (rounds-- && !stopping) {
    size_t size = random_below(state, 2) ? random_size(state) : 1000;
    size_t many = size <= 4096 ? BLOCKS : 8;
    for (size_t i = 0; i < many; i++) block[i] = front_alloc(size, NULL);
    for (size_t i = 0; i < many; i++) {
      void *p =
          __atomic_exchange_n(&exchange[random_below(state, SLOTS)], block[i], __ATOMIC_ACQ_REL);
      if (p) front_free(p);
    }
  }
}

/* Some threads live long, the others are born and end all the time. */
static void *short_life(void *pointer) {
  uint64_t state = (uintptr_t)pointer;
  churn(&state, 3);
  return NULL;
}

static void *long_life(void *pointer) {
  uint64_t state = (uintptr_t)pointer;
  while (!stopping) {
    pthread_t other;
    uintptr_t seed = random_next(&state);
    churn(&state, 5);
    if (seed % 2 || pthread_create(&other, NULL, short_life, (void *)seed) != 0) continue;
    pthread_join(other, NULL);
  }
  return NULL;
}

static void caches_of_strangers_are_empty(void) {
  struct thread *self = thread_self();
  thread_lock();
  LIST_EACH(link, thread_all_locked()) {
    const struct thread *t = LINK_OWNER(link, struct thread, all);
    unsigned slabs = 0;
    if (t == self) continue;
    for (unsigned class = 0; class < CLASSES; class++) slabs += t->cell[class].slab != NULL;
    CHECK_MSG(!cached_blocks(t) && !slabs, "thread %u holds %u blocks and %u slabs", t->id,
              cached_blocks(t), slabs);
    CHECK_MSG(!t->living && !t->flight, "thread %u lives on in the child", t->id);
  }
  thread_unlock();
}

/* A slab is owned by who has it as the current one; another's would be lost. */
static void no_slab_is_lost(void) {
  const struct thread *self = thread_self();
  int owned = 0;
  for (unsigned class = 0; class < CLASSES; class++) owned -= self->cell[class].slab != NULL;
  LIST_EACH(link, super_all_locked()) {
    struct superslab *super = LINK_OWNER(link, struct superslab, all);
    for (unsigned unit = 0; unit < SUPER_UNITS; unit++) {
      unsigned code = map_tag(unit_address(super, unit)) & TAG_CODE_MASK;
      if (!code || code >= TAG_RUN || super->head[unit] != unit) continue;
      owned += slab_at(super, unit)->state & SLAB_OWNED;
    }
  }
  CHECK_MSG(owned == 0, "%d slabs are owned by nobody", owned);
}

/* Blocks of every class are given, hold their content, and come back. */
static void works(void) {
  enum { BLOCKS = 3 * CLASSES * 20 };
  static unsigned char *block[BLOCKS];
  for (unsigned i = 0; i < BLOCKS; i++) {
    size_t size = class_size(1 + i % (CLASSES - 1));
    block[i] = front_alloc(size, NULL);
    if (!block[i]) continue;
    memset(block[i], (int)i, min_size(size, 64));
  }
  for (unsigned i = 0; i < BLOCKS; i++) {
    size_t size = class_size(1 + i % (CLASSES - 1));
    CHECK_MSG(block[i], "no block of %zu bytes", size);
    if (!block[i]) continue;
    CHECK_MSG(all_bytes(block[i], min_size(size, 64), (unsigned char)i), "content of %zu bytes",
              size);
    front_free(block[i]);
  }
}

static void in_child(void) {
  caches_of_strangers_are_empty();
  no_slab_is_lost();
  CHECK_ALL();
  check_cached_once(thread_self());
  works();
  CHECK_MSG(count_read(CNT_RETAINED_BYTES) < (uint64_t)1 << 60, "retained bytes are below zero");
  CHECK_ALL();
  check_cached_once(thread_self());
}

static void fork_while_others_churn(const char *promise) {
  pthread_t thread[CHURNERS];
  double start = now_seconds();
  int forks = 0;
  stopping = false;
  for (uintptr_t i = 0; i < CHURNERS; i++)
    pthread_create(&thread[i], NULL, long_life, (void *)(i + 1));
  test_begin(promise);
  while (forks < FORKS && !test_bad &&
         now_seconds() < start + (forks < FORKS_LEAST ? SECONDS_MOST : SECONDS)) {
    struct timespec pause = {0, 1000000 + forks % 7 * 300000};
    nanosleep(&pause, NULL);
    expect_return(in_child);
    forks++;
  }
  CHECK_MSG(forks >= FORKS_LEAST, "%d forks in %d seconds", forks, SECONDS_MOST);
  test_end();
  stopping = true;
  for (int i = 0; i < CHURNERS; i++) pthread_join(thread[i], NULL);
}

static void drain_exchange(void) {
  for (int i = 0; i < SLOTS; i++) {
    if (exchange[i]) front_free(exchange[i]);
    exchange[i] = NULL;
  }
}

static void parent_unharmed(void) {
  test_begin("the parent of all these forks has lost nothing: no live block, all checks 0");
  drain_exchange();
  front_flush();
  CHECK_ALL();
  CHECK_MSG(live_blocks() == 0, "%ld blocks are lost", live_blocks());
  test_end();
}

/* The child frees what it inherited, and forks in turn. */
static void grandchild(void) {
  void *p = front_alloc(100, NULL);
  CHECK(p && front_free(p));
  CHECK_ALL();
}

static void *inherited[1000];

static void free_inherited(void) {
  for (int i = 0; i < 1000; i++) CHECK(front_free(inherited[i]));
  expect_return(grandchild);
  front_flush();
  CHECK_ALL();
  CHECK_MSG(live_blocks() == 0, "%ld blocks are lost", live_blocks());
}

static void inheritance(void) {
  test_begin("a child frees the blocks it inherited, and its own child works too");
  for (int i = 0; i < 1000; i++) inherited[i] = front_alloc((size_t)i * 3, NULL);
  expect_return(free_inherited);
  for (int i = 0; i < 1000; i++) {
    CHECK(block_is_out(inherited[i]));
    front_free(inherited[i]);
  }
  test_end();
}

/* --- handlers that others registered, before or after ours --- */

static unsigned handlers_run;

/* Blocks that no magazine holds: from slabs, a run and a mapping. */
static void allocate_in_handler(void) {
  static void *block[CLASSES + 2];
  for (unsigned class = 1; class < CLASSES; class++) {
    block[class] = front_alloc(class_size(class), NULL);
    CHECK(block[class]);
  }
  block[0] = front_alloc(MIB, NULL);
  block[CLASSES] = front_alloc(3 * MIB, NULL);
  for (unsigned i = 0; i <= CLASSES; i++) CHECK(block[i] && front_free(block[i]));
  front_flush();
  handlers_run++;
}

static void after_handlers(void) {
  CHECK_MSG(handlers_run >= 2, "%u handlers have run in the child", handlers_run);
  works();
  CHECK_ALL();
}

static void *be_born(void *unused) {
  (void)unused;
  front_free(front_alloc(1, NULL));
  return NULL;
}

static void handlers_of_others(void) {
  pthread_t thread;
  test_begin("fork handlers of others allocate around and between ours, in parent and child");
  pthread_create(&thread, NULL, be_born, NULL);
  pthread_join(thread, NULL);
  pthread_atfork(allocate_in_handler, allocate_in_handler, allocate_in_handler);
  for (int i = 0; i < 5 && !test_bad; i++) {
    handlers_run = 0;
    expect_return(after_handlers);
    CHECK(handlers_run >= 4);
  }
  CHECK_ALL();
  test_end();
}

static void *trim(void *unused) {
  while (!ld_rlx(&trimmed)) decay_trim_slabs(0);
  return unused;
}

/* A bare thread, without caches: it has no part in what the child mends. */
static void pages_of_slabs(void) {
  pthread_t thread;
  uint64_t before = count_read(CNT_SPARSE_BYTES);
  pthread_create(&thread, NULL, trim, NULL);
  fork_while_others_churn("so it is while a thread gives free pages of slabs back all the time");
  st_rlx(&trimmed, true);
  pthread_join(thread, NULL);
  test_begin("and it gave back some hundreds of pages");
  CHECK(count_read(CNT_SPARSE_BYTES) > before + 300 * 4096);
  test_end();
  parent_unharmed();
}

int main(void) {
  pthread_atfork(allocate_in_handler, allocate_in_handler, allocate_in_handler);
  front_free(front_alloc(1, NULL));
  handlers_of_others();
  inheritance();
  fork_while_others_churn(
      "each child of 50 forks or more amid 4 churning threads works, owns all, and checks 0");
  parent_unharmed();
  /* Nothing retained and no superslab cached: forks fall into purges and unmappings too. */
  option_set("RETAIN", "0");
  option_set("SS_CACHE", "0");
  fork_while_others_churn("so it is when every empty slab goes back to the system at once");
  parent_unharmed();
  pages_of_slabs();
  return test_status();
}
