#include "pool/habit.h"

#include "base/atomic.h"
#include "base/bits.h"

static int credits[HABIT_SIZES]; /* [any] relaxed */

static int *credit_of(size_t bytes) {
  return &credits[min_size(bit_highest(bytes / CLASS_MAX | 1), HABIT_SIZES - 1)];
}

bool habit_full(size_t bytes) {
  int *credit = credit_of(bytes);
  int now = ld_rlx(credit);
  if (now <= 0) return false;
  st_rlx_any(credit, now - 1);
  return true;
}

bool habit_left(size_t bytes) {
  int *credit = credit_of(bytes);
  int now = ld_rlx(credit);
  if (now >= HABIT_LEFT) return false;
  st_rlx_any(credit, now + 1);
  return true;
}

static int after(int now, enum habit habit) {
  if (habit == HABIT_FULL_SMALL) return now + HABIT_GAIN;
  if (habit == HABIT_FULL_HUGE) return now + 1;
  if (habit == HABIT_PARTLY || now > HABIT_DOUBT) return HABIT_DOUBT;
  return now > HABIT_LEFT ? now - 1 : HABIT_LEFT - HABIT_BLIND;
}

void habit_note(size_t bytes, enum habit habit) {
  int *credit = credit_of(bytes);
  int now = ld_rlx(credit);
  int next = after(now, habit);
  if (next > HABIT_MOST) next = HABIT_MOST;
  if (next != now) st_rlx_any(credit, next);
}
