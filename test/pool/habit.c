/* habit - what the blocks that were given back say of the next ones. */
#include "pool/habit.h"

#include "helpers/box.h"

enum { SIZE = 5 << 20, OTHER = 9 << 20 };

static int credit_left(void) {
  int n = 0;
  while (habit_full(SIZE)) n++;
  return n;
}

int main(void) {
  test_begin("nothing is expected of sizes that nobody gave back, whatever others were");
  CHECK(!habit_full(SIZE) && !habit_left(SIZE));
  for (int i = 0; i < 3; i++) habit_note(OTHER, HABIT_FULL_SMALL);
  CHECK(credit_left() == 0 && habit_full(OTHER));
  habit_note(SIZE_MAX / 2, HABIT_FULL_SMALL);
  CHECK(habit_full(SIZE_MAX / 2) && credit_left() == 0);
  test_end();
  test_begin("a full block speaks for HABIT_GAIN others, all of them for HABIT_MOST");
  habit_note(SIZE, HABIT_FULL_SMALL);
  CHECK(credit_left() == HABIT_GAIN);
  for (int i = 0; i < 100; i++) habit_note(SIZE, HABIT_FULL_SMALL);
  CHECK(credit_left() == HABIT_MOST);
  test_end();
  test_begin("one that had huge pages gives back what it took, and no more");
  for (int i = 0; i < 3; i++) habit_note(SIZE, HABIT_FULL_HUGE);
  CHECK(credit_left() == 3);
  test_end();
  test_begin("one that was not full takes all, and the next full one does not bring it back");
  for (int i = 0; i < 100; i++) habit_note(SIZE, HABIT_FULL_SMALL);
  habit_note(SIZE, HABIT_PARTLY);
  CHECK(!habit_left(SIZE) && credit_left() == 0);
  habit_note(SIZE, HABIT_FULL_SMALL);
  CHECK(credit_left() == 0);
  habit_note(SIZE, HABIT_FULL_SMALL);
  CHECK(credit_left() > 0);
  test_end();
  test_begin("after some untouched ones most are taken for untouched, but looked at now and then");
  for (int i = 0; i < 9; i++) habit_note(SIZE, HABIT_UNTOUCHED);
  CHECK(!habit_left(SIZE));
  for (int round = 0; round < 3; round++) {
    int blind = 0;
    habit_note(SIZE, HABIT_UNTOUCHED);
    while (habit_left(SIZE)) blind++;
    CHECK_MSG(blind == HABIT_BLIND, "%d", blind);
  }
  habit_note(SIZE, HABIT_PARTLY);
  CHECK(!habit_left(SIZE));
  test_end();
  return test_status();
}
