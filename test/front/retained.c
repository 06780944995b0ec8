/* retained - the stated bound of memory kept for reuse, after each phase of several patterns: by
 * the counters at once, and by what the kernel says is resident. */
#include "front/front.h"
#include "helpers/caches.h"
#include "os/process.h"
#include "os/room.h"
#include "super/purge.h"

enum { SLOTS = 60000, THREADS = 4 };

static void *slot[SLOTS];
static size_t filled; /* slots in use */
static uint64_t state = 3;
static size_t base; /* bytes resident before the first phase */

static size_t small_block(void) {
  return 320;
}

static size_t small_size(void) {
  return 16 + random_below(&state, 1000);
}

static size_t large_size(void) {
  return CLASS_MAX + 1 + random_below(&state, LARGE_MAX - CLASS_MAX);
}

static size_t huge_block(void) {
  return LARGE_MAX + 1 + random_below(&state, 5 * MIB);
}

static size_t mixed_size(void) {
  uint64_t kind = random_below(&state, 1000);
  return kind < 970 ? small_size() : kind < 990 ? 1 + random_below(&state, CLASS_MAX)
                                   : kind < 998 ? large_size() : huge_block();
}

static void touch(char *p, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 4096) p[at] = 1;
}

static void fill_up(size_t n, size_t (*size)(void)) {
  for (size_t i = 0; i < n; i++) {
    size_t bytes = size();
    slot[i] = front_alloc(bytes, NULL);
    CHECK(slot[i] != NULL);
    touch(slot[i], bytes);
  }
  filled = n;
}

static void free_slots(size_t from, size_t step) {
  for (size_t i = from; i < filled; i += step) {
    if (slot[i]) front_free(slot[i]);
    slot[i] = NULL;
  }
}

/* The bound, and that the kernel agrees: what is resident beyond what the rooms hold in use is
 * retained, or belongs to descriptors and to the test. */
static void bound(const char *phase) {
  size_t retained = count_read(CNT_RETAINED_BYTES);
  size_t units = count_read(CNT_UNITS_TAKEN) - count_read(CNT_UNITS_GIVEN);
  size_t live = (units << UNIT_SHIFT) + count_read(CNT_HUGE_BYTES);
  size_t allowed = max_size(16 * MIB, live / 10);
  size_t resident = os_resident_bytes();
  CHECK_MSG(retained <= allowed, "%s: %zu KiB retained, %zu allowed", phase, retained / KIB,
            allowed / KIB);
  CHECK_MSG(resident <= base + live + allowed + 4 * MIB,
            "%s: %zu KiB resident: %zu at the start, %zu held, %zu retained", phase, resident / KIB,
            base / KIB, live / KIB, retained / KIB);
  CHECK_ALL();
}

static void pattern(const char *name, size_t n, size_t (*size)(void)) {
  char promise[160];
  snprintf(promise, sizeof promise,
           "%s blocks: retained memory stays within 16 MiB or a tenth of live after each phase",
           name);
  test_begin(promise);
  fill_up(n, size);
  bound("filled");
  free_slots(0, 2);
  bound("half freed");
  free_slots(0, 1);
  bound("all freed");
  CHECK_MSG(os_resident_bytes() <= base + 22 * MIB, "unflushed: %zu KiB stay resident, %zu before",
            os_resident_bytes() / KIB, base / KIB);
  fill_up(n / 2, size);
  bound("filled again");
  free_slots(0, 1);
  front_flush();
  bound("flushed");
  CHECK_MSG(os_resident_bytes() <= base + 16 * MIB + 4 * MIB, "%zu KiB stay resident, %zu before",
            os_resident_bytes() / KIB, base / KIB);
  test_end();
}

/* Each thread frees what the main thread allocated, and allocates and frees some of its own. */
static void *free_others(void *number) {
  size_t first = (size_t)(uintptr_t)number;
  for (size_t i = first; i < filled; i += THREADS) {
    void *own = front_alloc(1 + i % 3000, NULL);
    front_free(slot[i]);
    slot[i] = NULL;
    front_free(own);
  }
  return NULL;
}

static void by_others(void) {
  pthread_t thread[THREADS];
  test_begin("blocks that other threads free: the bound holds when they end, for all sizes");
  fill_up(SLOTS, mixed_size);
  bound("filled");
  for (uintptr_t i = 0; i < THREADS; i++)
    pthread_create(&thread[i], NULL, free_others, (void *)i);
  for (size_t i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
  bound("freed by 4 threads");
  front_flush();
  bound("flushed");
  CHECK(os_resident_bytes() <= base + 20 * MIB);
  test_end();
}

/* Live memory falls by realloc alone, and the budget with it: also when what is retained is cached
 * mappings, and what shrinks are runs. */
static void shrinking(void) {
  void *huge[8];
  test_begin("blocks that only shrink: the budget falls with the live memory, and is kept");
  fill_up(400, large_size);
  for (int i = 0; i < 8; i++) touch(huge[i] = front_alloc(3 * MIB, NULL), 3 * MIB);
  for (int i = 0; i < 8; i++) front_free(huge[i]);
  bound("mappings freed");
  CHECK(count_read(CNT_RETAINED_BYTES) > 16 * MIB);
  for (size_t i = 0; i < filled; i++) {
    CHECK(front_resize(slot[i], CLASS_MAX + 1) == slot[i]);
    bound("a run shrinks");
  }
  free_slots(0, 1);
  for (int i = 0; i < 8; i++) touch(huge[i] = front_alloc(24 * MIB, NULL), 24 * MIB);
  for (int i = 0; i < 8; i++) {
    huge[i] = front_resize(huge[i], LARGE_MAX + 1);
    bound("a mapping shrinks");
  }
  for (int i = 0; i < 8; i++) front_free(huge[i]);
  front_flush();
  bound("all freed");
  CHECK(os_resident_bytes() <= base + 20 * MIB);
  test_end();
}

/* No look at the real cgroup comes between: too little is mapped for the first. */
static void little_room(void) {
  void *block[2];
  test_begin("where little room is left in the cgroup, growth takes what is retained beyond it");
  for (size_t i = 0; i < 2; i++) {
    block[i] = front_alloc(3 * MIB, NULL);
    touch(block[i], 3 * MIB);
  }
  for (size_t i = 0; i < 2; i++) CHECK(front_free(block[i]));
  CHECK(count_read(CNT_RETAINED_BYTES) == 6 * MIB);
  room_set(8 * MIB);
  fill_up(3 * MIB / 320, small_block);
  CHECK(count_read(CNT_RETAINED_BYTES) <= MIB);
  room_set(ROOM_UNKNOWN);
  free_slots(0, 1);
  front_flush();
  test_end();
}

int main(void) {
  clearenv();
  front_free(front_alloc(1, NULL));
  memset(slot, 1, sizeof slot);
  base = os_resident_bytes();
  little_room();
  pattern("small", SLOTS, small_size);
  pattern("large", 150, large_size);
  pattern("huge", 40, huge_block);
  pattern("mixed", 20000, mixed_size);
  by_others();
  shrinking();
  return test_status();
}
