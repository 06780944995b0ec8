/* start - what the options mean for the front: each mode in a run of its own. */
#include "front/start.h"

#include "front/front.h"
#include "helpers/caches.h"
#include "os/process.h"

enum { CALLS = 30000 };

static uint64_t made;  /* calls of front_alloc and its kin */
static uint64_t freed; /* calls of front_free */

/* Allocates as malloc does: by the hit path, and by the front where that gives nothing. */
static void *alloc(size_t size) {
  void *p = size <= CLASS_MAX ? front_pop(self_gates, 2 * (size_t)class_of(size)) : NULL;
  add_rlx(&made, 1);
  return p ? p : front_alloc(size, NULL);
}

static void free_one(void *p) {
  add_rlx(&freed, 1);
  CHECK(front_free(p));
}

static void *use(void *pointer) {
  static __thread void *slot[64];
  uint64_t state = (uintptr_t)pointer;
  for (int i = 0; i < CALLS; i++) {
    void **p = &slot[random_below(&state, 64)];
    if (*p) free_one(*p);
    *p = alloc(random_below(&state, i % 100 ? 2000 : 400000));
    CHECK(*p);
  }
  for (int i = 0; i < 64; i++)
    if (slot[i]) free_one(slot[i]);
  return NULL;
}

static void use_in_threads(int threads) {
  pthread_t thread[8];
  for (uintptr_t i = 0; i < (uintptr_t)threads; i++)
    pthread_create(&thread[i], NULL, use, (void *)(i + 1));
  for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);
}

static void closed_gates(void) {
  test_begin("HAKMEM_COUNT_CALLS=1: closed gates let no call by, in one thread and in four");
  use((void *)5);
  use_in_threads(4);
  CHECK_MSG(tally_read(TLY_MALLOC_CALLS) == made, "%lu of %lu calls of malloc",
            (unsigned long)tally_read(TLY_MALLOC_CALLS), (unsigned long)made);
  CHECK_MSG(tally_read(TLY_FREE_CALLS) == freed, "%lu of %lu calls of free",
            (unsigned long)tally_read(TLY_FREE_CALLS), (unsigned long)freed);
  CHECK(start_gates_closed());
  for (size_t code = 2; code < CODES; code += 2) CHECK(front_pop(self_gates, code) == NULL);
  CHECK(cached_blocks(thread_self()) > 0);
  check_cached_once(thread_self());
  front_flush();
  CHECK(cached_blocks(thread_self()) == 0 && live_blocks() == 0);
  CHECK_ALL();
  test_end();
}

static void aligned_calls(void) {
  static const struct {
    size_t align, size;
  } calls[] = {{8, 24}, {64, 100}, {4096, 9000}, {4096, 500000}, {8 * MIB, 100}, {64, 9 * MIB}};
  enum { N = sizeof calls / sizeof *calls };
  test_begin("HAKMEM_COUNT_CALLS=1: aligned calls are counted, be it a slab, a run or a mapping "
             "that serves; what cannot be is not");
  for (unsigned i = 0; i < N; i++) {
    void *p = front_alloc_aligned(calls[i].align, calls[i].size);
    CHECK_MSG(p && tally_read(TLY_MALLOC_CALLS) == i + 1, "%zu bytes at %zu: %lu calls",
              calls[i].size, calls[i].align, (unsigned long)tally_read(TLY_MALLOC_CALLS));
    CHECK(front_free(p) && tally_read(TLY_FREE_CALLS) == i + 1);
  }
  CHECK(!front_alloc_aligned(64, SIZE_MAX) && tally_read(TLY_MALLOC_CALLS) == N);
  test_end();
}

static void open_gates(void) {
  test_begin("HAKMEM_COUNT_CALLS=0: open gates count nothing, and most calls are hits");
  use((void *)5);
  CHECK(tally_read(TLY_MALLOC_CALLS) == 0 && tally_read(TLY_FREE_CALLS) == 0);
  CHECK_MSG(tally_read(TLY_REFILLS) < made / 4, "%lu refills",
            (unsigned long)tally_read(TLY_REFILLS));
  CHECK(!start_gates_closed() && !start_wmax_binds());
  front_flush();
  CHECK(live_blocks() == 0);
  CHECK_ALL();
  test_end();
}

static void wmax(void) {
  void *p;
  test_begin("HAKMEM_WMAX_LARGE=1.01: 33,000 bytes are a Threshold, counted, and served by a run");
  front_free(front_alloc(10, NULL));
  CHECK(start_wmax_binds() && start_wmax().large == 101 && start_wmax().mid == 160);
  p = alloc(33000);
  CHECK(p && (map_tag(p) & TAG_CODE_MASK) == TAG_RUN);
  CHECK_MSG(failure_count(REASON_THRESHOLD, TIER_LARGE) == 1, "%lu are counted",
            (unsigned long)failure_count(REASON_THRESHOLD, TIER_LARGE));
  free_one(p);
  for (size_t size = 1; size < 500000; size += 97) {
    p = alloc(size);
    CHECK_MSG(p && front_usable(p) >= size, "%zu bytes", size);
    free_one(p);
  }
  CHECK(failure_count(REASON_THRESHOLD, TIER_TINY) == 0);
  CHECK(failure_count(REASON_THRESHOLD, TIER_MID) == 0);
  CHECK(failure_count(REASON_THRESHOLD, TIER_LARGE) > 1000);
  CHECK_ALL();
  test_end();
}

static void prewarm(void) {
  uint64_t mapped;
  test_begin("HAKMEM_PREWARM=2: two superslabs are mapped and resident before the first block");
  front_free(front_alloc(10, NULL));
  mapped = count_read(CNT_SUPER_MAPPED);
  CHECK_MSG(mapped == 2 && os_resident_bytes() >= 2 * SUPER_SIZE, "%lu mapped, %zu resident",
            (unsigned long)mapped, os_resident_bytes());
  for (int i = 0; i < 10; i++) CHECK(alloc(LARGE_MAX / 4));
  CHECK(count_read(CNT_SUPER_MAPPED) == mapped);
  CHECK_ALL();
  test_end();
}

/* Without a free descriptor no file can be read. */
static void prewarm_blindly(void) {
  char said[500];
  struct capture c;
  struct rlimit files, none;
  test_begin("HAKMEM_PREWARM=2 where the free memory is not known: none, and a line that says so");
  capture_start(&c);
  getrlimit(RLIMIT_NOFILE, &files);
  none = (struct rlimit){0, files.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  front_free(front_alloc(10, NULL));
  setrlimit(RLIMIT_NOFILE, &files);
  capture_end(&c, said, sizeof said);
  CHECK_MSG(count_read(CNT_SUPER_MAPPED) == 1, "%lu are mapped",
            (unsigned long)count_read(CNT_SUPER_MAPPED));
  CHECK_MSG(!strcmp(said, "hakmem: HAKMEM_PREWARM: no superslabs: MemAvailable of /proc/meminfo is "
                          "not known\n"),
            "said: %s", said);
  CHECK(alloc(10));
  CHECK_ALL();
  test_end();
}

/* The program's first call of all, of a size that no thread's caches serve. */
static void first_is_large(void) {
  test_begin("options are in force for the first call of all, also for a run or a huge block");
  CHECK_MSG(!front_alloc(64 * MIB, NULL), "HAKMEM_LIMIT=8M gives 64 MiB");
  CHECK(failure_count(REASON_EXHAUSTION, TIER_HUGE) == 1);
  CHECK(front_alloc(MIB, NULL));
  test_end();
}

static void first_is_threshold(void) {
  test_begin("W_MAX is in force for the first call of all");
  CHECK(front_alloc(33000, NULL) && failure_count(REASON_THRESHOLD, TIER_LARGE) == 1);
  test_end();
}

static const struct {
  const char *mode;
  const char *name;
  const char *value;
  void (*run)(void);
} modes[] = {
    {"closed", "HAKMEM_COUNT_CALLS", "1", closed_gates},
    {"aligned", "HAKMEM_COUNT_CALLS", "1", aligned_calls},
    {"open", "HAKMEM_COUNT_CALLS", "0", open_gates},
    {"wmax", "HAKMEM_WMAX_LARGE", "1.01", wmax},
    {"prewarm", "HAKMEM_PREWARM", "2", prewarm},
    {"prewarm blindly", "HAKMEM_PREWARM", "2", prewarm_blindly},
    {"first large", "HAKMEM_LIMIT", "8M", first_is_large},
    {"first threshold", "HAKMEM_WMAX_LARGE", "1.01", first_is_threshold},
};

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    if (argc < 2)
      run_self(modes[i].mode, modes[i].name, modes[i].value);
    else if (!strcmp(argv[1], modes[i].mode))
      modes[i].run();
  }
  return test_status();
}
