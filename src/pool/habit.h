/* habit - are large blocks filled? Those that came before tell of those to come.
 *
 * Owns:     for each doubling of size a credit: how many of the next blocks may have huge pages,
 *           or as runs, be populated.
 * Promise:  a block gets that only after others of about its size were given back full, at most
 *           HABIT_GAIN for each that had neither, and HABIT_MOST in all: a program that changes its
 *           ways has no more than these. One that was not full takes the credit.
 * Threads:  any. Relaxed: of two that change a credit at once, one change may be lost.
 * Cost:     a load and a store.
 * Inverse:  habit_full takes what habit_note gives.
 */
#ifndef POOL_HABIT_H
#define POOL_HABIT_H

#include "base/config.h"

/* Will the next block of BYTES be filled? Takes one of the credit when it says so. */
bool habit_full(size_t bytes);

/* Will the block of BYTES that is given back be untouched, as those before it? Now and then the
 * answer is no, for another look. */
bool habit_left(size_t bytes);

/* How many bytes, from the start, were resident of the last block of about BYTES that was looked
 * at: what is purged without a look lies behind. */
size_t habit_touched(size_t bytes);
void habit_note_touched(size_t bytes, size_t resident);

/* What a look at a block that is given back has shown. */
enum habit { HABIT_FULL_SMALL, HABIT_FULL_HUGE, HABIT_PARTLY, HABIT_UNTOUCHED };
void habit_note(size_t bytes, enum habit habit);

#endif
