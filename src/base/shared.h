/* shared - counts the writes to memory that threads share, in the build that `make counting` makes.
 *
 * Owns:     tables of the places in the code that write, the cache lines written, the locks taken.
 * Promise:  every helper of `atomic` that writes counts, apart from st_rlx, which is for what one
 *           thread alone writes and others hardly read; every lock taken counts. Nothing is lost
 *           when a thread ends.
 * Threads:  any.
 * Cost:     none in other builds: `shared.c` is not compiled, and no caller is left.
 * Gauges:   scaling.* of hak_counter and the statistics.
 */
#ifndef BASE_SHARED_H
#define BASE_SHARED_H

#include "base/config.h"

enum shared_sum {
  SHARED_ATOMICS, /* atomic writes to shared lines */
  SHARED_WRITES,  /* the same, but those of a thread to one line in a row count once */
  SHARED_SEVERAL, /* of SHARED_WRITES those to the library's data and to lines that several threads
                   * wrote in this run */
  SHARED_MOVES,   /* of SHARED_WRITES those to a line that another thread wrote last */
  SHARED_LOCKS,   /* locks taken */
  SHARED_LOST,    /* writes that found a table full: a run to be done again, shorter */
  SHARED_SUMS
};

/* A place in the code, a line or a lock of the library's own data: an offset from its start. */
struct shared_row {
  uintptr_t offset;
  uint64_t writes;
  uint64_t moves;
};

extern const char *const shared_names[SHARED_SUMS];

/* P is about to be written, by the code behind the call. */
void shared_count_write(const volatile void *p);
void shared_count_lock(const volatile void *lock);

uint64_t shared_read(enum shared_sum i);

/* Row I of the places, the lines, the locks; false beyond the last. Rows without writes are unused;
 * a lock's writes are how often it was taken. */
bool shared_place(unsigned i, struct shared_row *row);
bool shared_line(unsigned i, struct shared_row *row);
bool shared_lock(unsigned i, struct shared_row *row);

#endif
