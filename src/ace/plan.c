#include "ace/plan.h"

unsigned plan_most(unsigned class) {
  size_t size = class_size(class);
  size_t bound = MAGAZINE_MAX_MID;
  if (!size) return 0;
  if (size <= TINY_MAX) bound = min_size(MAGAZINE_MOST_TINY / size, MAGAZINE_MAX);
  return (unsigned)max_size(min_size(MAGAZINE_MOST_BYTES / size, bound), MAGAZINE_MOST_LARGE);
}

unsigned plan_start(unsigned class) {
  size_t fitting = MAGAZINE_START_BYTES / max_size(class_size(class), GRAIN);
  return (unsigned)max_size(min_size(fitting, MAGAZINE_START), MAGAZINE_MIN_LARGE);
}

unsigned plan_grow(unsigned class, unsigned capacity, bool alternates) {
  unsigned most = plan_most(class);
  unsigned bound = alternates || class_table[class].capacity > most ? most
                                                                    : class_table[class].capacity;
  if (!capacity) return plan_start(class);
  if (capacity >= bound) return capacity;
  return (unsigned)min_size(2 * (size_t)capacity, bound);
}

unsigned plan_shrink(unsigned class, unsigned capacity, bool crowd) {
  unsigned least = plan_least(class, crowd);
  return capacity / 2 > least ? capacity / 2 : least;
}

unsigned plan_least(unsigned class, bool crowd) {
  if (crowd) return class_size(class) <= TINY_MAX ? 1 : 0;
  return class_size(class) <= TINY_MAX / 4 ? 2 : 1;
}

bool plan_crowd(size_t share) {
  return share < CROWD_SHARE;
}

size_t plan_outbox(size_t share) {
  return min_size(share / OUTBOX_SHARE, OUTBOX_BYTES);
}

unsigned plan_fresh(unsigned class, unsigned grown) {
  unsigned most = class_size(class) <= TINY_MAX ? FRESH_BATCHES : 1;
  size_t batches = max_size(min_size(grown / FRESH_BATCHES, most), 1);
  return (unsigned)max_size(batches * FRESH_BYTES / class_size(class), 2);
}

bool plan_ahead(uint64_t units, uint64_t threads) {
  return units >= threads * (AHEAD_LIVE >> UNIT_SHIFT);
}

size_t plan_total(unsigned processors, uint64_t threads, uint64_t room) {
  size_t less = threads > FEW_THREADS ? (threads - FEW_THREADS) * CACHE_TOTAL_STEP : 0;
  size_t by_threads = CACHE_TOTAL_FEW - min_size(less, CACHE_TOTAL_FEW - CACHE_TOTAL);
  size_t total = max_size(by_threads, processors * (size_t)CACHE_PER_PROCESSOR);
  return min_size(total, max_size(room / 8, CACHE_TOTAL_LEAST));
}

size_t plan_share(size_t total, uint64_t threads) {
  return min_size(total / (threads ? threads : 1), CACHE_THREAD_MOST);
}
