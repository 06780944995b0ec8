#include "pool/habit.h"

#include "base/atomic.h"
#include "base/bits.h"

static struct {
  size_t touched; /* [any] relaxed; bytes */
  int credit;     /* [any] relaxed */
} habits[HABIT_SIZES];

static unsigned index_of(size_t bytes) {
  return (unsigned)min_size(bit_highest(bytes / CLASS_MAX | 1), HABIT_SIZES - 1);
}

bool habit_full(size_t bytes) {
  int *credit = &habits[index_of(bytes)].credit;
  int now = ld_rlx(credit);
  if (now <= 0) return false;
  st_rlx_any(credit, now - 1);
  return true;
}

bool habit_left(size_t bytes) {
  int *credit = &habits[index_of(bytes)].credit;
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
  int *credit = &habits[index_of(bytes)].credit;
  int now = ld_rlx(credit);
  int next = after(now, habit);
  if (next > HABIT_MOST) next = HABIT_MOST;
  if (next != now) st_rlx_any(credit, next);
}

size_t habit_touched(size_t bytes) {
  return ld_rlx(&habits[index_of(bytes)].touched);
}

void habit_note_touched(size_t bytes, size_t resident) {
  size_t *last = &habits[index_of(bytes)].touched;
  if (ld_rlx(last) != resident) st_rlx_any(last, resident);
}
