/* plan - capacities from demand: bounded, monotonic, and nothing where there is no demand. */
#include "ace/plan.h"

#include "helpers/box.h"

static void bounds(void) {
  test_begin("no plan leaves its bounds, whatever the demand: at least 1 block, at most plan_most");
  for (unsigned class = 1; class < CLASSES; class++) {
    unsigned most = plan_most(class);
    CHECK_MSG(most >= class_table[class].capacity && most <= MAGAZINE_MAX, "class %u: %u", class,
              most);
    CHECK(plan_least(class, false) >= 1 && plan_least(class, false) <= most);
    for (unsigned capacity = 0; capacity <= most; capacity++) {
      for (int alternates = 0; alternates < 2; alternates++) {
        unsigned grown = plan_grow(class, capacity, alternates);
        CHECK_MSG(grown >= 1 && grown >= capacity && grown <= most, "class %u, %u: %u", class,
                  capacity, grown);
        CHECK(!capacity || grown <= 2 * capacity);
      }
      if (!capacity) continue;
      CHECK(plan_shrink(class, capacity, false) >= plan_least(class, false));
      CHECK(plan_shrink(class, capacity, false) <= max_size(capacity, plan_least(class, false)));
    }
  }
  CHECK(plan_most(0) == 0);
  test_end();
}

static void demand(void) {
  test_begin(
      "one-sided demand grows a class to its base, alternating demand to its most, idling shrinks");
  for (unsigned class = 1; class < CLASSES; class++) {
    unsigned one_sided = 0;
    unsigned alternating = 0;
    unsigned idle;
    for (int i = 0; i < 20; i++) {
      one_sided = plan_grow(class, one_sided, false);
      alternating = plan_grow(class, alternating, true);
    }
    CHECK_MSG(one_sided >= min_size(class_table[class].capacity, plan_most(class)), "class %u: %u",
              class, one_sided);
    CHECK_MSG(alternating == plan_most(class), "class %u: %u", class, alternating);
    idle = alternating;
    for (int i = 0; i < 20; i++) idle = plan_shrink(class, idle, false);
    CHECK_MSG(idle == plan_least(class, false), "class %u: %u", class, idle);
  }
  test_end();
}

static void shares(void) {
  test_begin("the threads' shares never sum to more than the total, and fall as threads rise");
  for (size_t total = 0; total <= 256 * MIB; total += 7 * MIB) {
    size_t before = SIZE_MAX;
    for (uint64_t threads = 1; threads < 5000; threads += 1 + threads / 9) {
      size_t share = plan_share(total, threads);
      CHECK(share * threads <= total && share <= before && share <= CACHE_THREAD_MOST);
      before = share;
    }
    CHECK(plan_share(total, 0) == plan_share(total, 1));
  }
  test_end();
}

static void crowds(void) {
  test_begin("threads are a crowd beyond 48, and beyond four a processor; not before");
  CHECK(!plan_crowd(plan_share(plan_total(2, 48, UINT64_MAX), 48)));
  CHECK(plan_crowd(plan_share(plan_total(2, 49, UINT64_MAX), 49)));
  CHECK(!plan_crowd(plan_share(plan_total(64, 256, UINT64_MAX), 256)));
  CHECK(plan_crowd(plan_share(plan_total(64, 257, UINT64_MAX), 257)));
  test_end();
  test_begin("in a crowd an ungranted class holds 1 block, above 1 KiB none; outboxes shrink");
  for (unsigned class = 1; class < CLASSES; class++) {
    unsigned least = plan_least(class, true);
    unsigned idle = plan_most(class);
    CHECK(least == (class_size(class) > TINY_MAX ? 0 : 1));
    for (int i = 0; i < 20; i++) idle = plan_shrink(class, idle, true);
    CHECK_MSG(idle == least, "class %u: %u", class, idle);
  }
  CHECK(plan_outbox(2 * CROWD_SHARE) == 128 * KIB);
  CHECK(plan_outbox(4 * CROWD_SHARE) == OUTBOX_BYTES);
  CHECK(plan_outbox(CACHE_THREAD_MOST) == OUTBOX_BYTES);
  CHECK(plan_outbox(16 * KIB) == 2 * KIB && plan_outbox(0) == 0);
  test_end();
}

static void totals(void) {
  test_begin("the total falls with threads and with the room in the cgroup, never below 1 MiB");
  CHECK(plan_total(2, 1, UINT64_MAX) == 64 * MIB && plan_total(2, 16, UINT64_MAX) == 64 * MIB);
  CHECK(plan_total(2, 32, UINT64_MAX) == 64 * MIB && plan_total(2, 48, UINT64_MAX) == 24 * MIB);
  CHECK(plan_total(2, 49, UINT64_MAX) == 24 * MIB);
  CHECK(plan_total(2, 1 << 20, UINT64_MAX) == 24 * MIB);
  CHECK(plan_total(64, 1, UINT64_MAX) == 128 * MIB && plan_total(64, 33, UINT64_MAX) == 128 * MIB);
  for (uint64_t threads = 1; threads < 100; threads++) {
    size_t total = plan_total(2, threads, UINT64_MAX);
    size_t next = plan_total(2, threads + 1, UINT64_MAX);
    CHECK_MSG(next <= total && next >= total - total / 10, "no cliff at %u", (unsigned)threads);
  }
  for (uint64_t room = 0; room < 1024 * MIB; room += 3 * MIB) {
    size_t total = plan_total(2, 1, room);
    CHECK(total >= MIB && (total == MIB || total <= room / 8));
    CHECK(total <= plan_total(2, 1, room + MIB) && total <= 64 * MIB);
  }
  test_end();
}

static void fresh(void) {
  test_begin("a refill takes a page of fresh blocks, of small ones more where a class only grew");
  CHECK(plan_fresh(class_of(16), 0) == 256 && plan_fresh(class_of(16), 7) == 256);
  CHECK(plan_fresh(class_of(16), 8) == 512 && plan_fresh(class_of(16), 15) == 768);
  CHECK(plan_fresh(class_of(16), 16) == 1024 && plan_fresh(class_of(16), UINT8_MAX) == 1024);
  CHECK(plan_fresh(class_of(1024), 0) == 4 && plan_fresh(class_of(1024), UINT8_MAX) == 16);
  CHECK(plan_fresh(class_of(1025), 0) == 3 && plan_fresh(class_of(1025), UINT8_MAX) == 3);
  CHECK(plan_fresh(class_of(CLASS_MAX), UINT8_MAX) == 2);
  test_end();
}

static void ahead(void) {
  test_begin("pages come ahead in programs of 8 MiB a thread");
  CHECK(!plan_ahead(0, 1) && !plan_ahead(127, 1) && plan_ahead(128, 1));
  CHECK(!plan_ahead(255999, 2000) && plan_ahead(256000, 2000));
  test_end();
}

int main(void) {
  totals();
  bounds();
  demand();
  shares();
  crowds();
  fresh();
  ahead();
  return test_status();
}
