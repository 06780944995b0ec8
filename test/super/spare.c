/* spare - descriptors come back, with their pages or as zeros, and none is lost or given twice. */
#include "super/spare.h"

#include "helpers/box.h"
#include "os/map.h"
#include "os/process.h"

enum { MANY = 300 };

static struct superslab *held[MANY];
static size_t bytes;

static void take_all(void) {
  int error;
  for (size_t i = 0; i < MANY; i++) {
    held[i] = spare_take(&error);
    CHECK(held[i] != NULL);
    held[i]->words[SUPER_UNITS - 1][0] = i;
    held[i]->slabs[0][0] = 1;
  }
}

static void give_all(void) {
  for (size_t i = 0; i < MANY; i++) spare_give(held[i]);
}

static int by_address(const void *a, const void *b) {
  uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
  return x < y ? -1 : x > y;
}

/* The descriptors held are the same as BEFORE, which is sorted, and no two are one. */
static void expect_same(struct superslab **before) {
  qsort(held, MANY, sizeof *held, by_address);
  for (size_t i = 0; i < MANY; i++) CHECK_MSG(held[i] == before[i], "descriptor %zu is another", i);
}

static size_t resident(void) {
  size_t n = 0;
  for (size_t i = 0; i < MANY; i++) n += resident_pages(held[i], bytes);
  return n;
}

static void locked_pages(void) {
  int error;
  struct superslab *super = spare_take(&error);
  give_all(); /* so many that the pages of this one are to go at once */
  CHECK(mlock(super, bytes) == 0);
  super->words[3][3] = 77;
  spare_give(super);
  spare_purge();
  CHECK(super->words[3][3] == 77);
  CHECK_MSG(spare_take(&error) == super, "what could not be purged is lost");
}

int main(void) {
  static struct superslab *before[MANY];
  uint8_t *states;
  size_t kept = 0;
  int error;
  bytes = round_up(sizeof(struct superslab), os_page_size());
  test_begin("descriptors that were given back are given again, each once, as they are");
  take_all();
  qsort(held, MANY, sizeof *held, by_address);
  memcpy(before, held, sizeof held);
  for (size_t i = 1; i < MANY; i++) CHECK((char *)before[i] >= (char *)before[i - 1] + bytes);
  give_all();
  take_all();
  expect_same(before);
  test_end();
  test_begin("spare_purge gives all their pages back; they come again as zeros, with their tables");
  states = os_map(STATES_BYTES, &error);
  states[5] = 9;
  for (size_t i = 0; i < MANY; i++) held[i]->states = states;
  give_all();
  CHECK(resident() >= 2 * SPARES_RESIDENT);
  spare_purge();
  CHECK_MSG(resident() == 0, "%zu pages are resident", resident());
  for (size_t i = 0; i < MANY; i++) {
    held[i] = spare_take(&error);
    CHECK(held[i]->states == states && !held[i]->words[SUPER_UNITS - 1][0]);
    CHECK(!held[i]->slabs[0][0]);
  }
  CHECK(states[5] == 0);
  expect_same(before);
  test_end();
  test_begin("a second round is as the first");
  give_all();
  spare_purge();
  spare_purge();
  take_all();
  expect_same(before);
  test_end();
  test_begin("of 300 descriptors given back 16 keep their pages, without any call");
  for (size_t i = 0; i < MANY; i++) memset(held[i], 1, 64);
  CHECK(resident() >= MANY);
  give_all();
  for (size_t i = 0; i < MANY; i++) kept += resident_pages(held[i], bytes) > 0;
  CHECK_MSG(kept == SPARES_RESIDENT, "%zu keep theirs", kept);
  take_all();
  expect_same(before);
  test_end();
  expect_return_locked("what the system refuses to take back stays as it is, and is given again",
                       locked_pages, bytes);
  return test_status();
}
