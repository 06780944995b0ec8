#include "os/debt.h"

#include "base/lock.h"
#include "os/map.h"

enum { DEBTS = 256 };

struct range {
  char *start;
  size_t bytes;
};

static struct lock debt_lock;
static struct range owed[DEBTS]; /* [lock debt] */
static unsigned debts;           /* [lock debt] ranges; relaxed to see whether there are any */

/* Neighbours become one range, so that few entries hold much. False: there is no room. */
static bool note_locked(char *start, size_t bytes) {
  for (unsigned i = 0; i < debts; i++) {
    bool above = owed[i].start + owed[i].bytes == start;
    bool below = start + bytes == owed[i].start;
    if (!above && !below) continue;
    if (below) owed[i].start = start;
    owed[i].bytes += bytes;
    return true;
  }
  if (debts == DEBTS) return false;
  owed[debts] = (struct range){start, bytes};
  st_rlx(&debts, debts + 1);
  return true;
}

static bool note(char *start, size_t bytes) {
  bool noted;
  lock_take(&debt_lock);
  noted = note_locked(start, bytes);
  lock_drop(&debt_lock);
  return noted;
}

static bool take_one(struct range *range) {
  bool some;
  lock_take(&debt_lock);
  some = debts > 0;
  if (some) {
    *range = owed[debts - 1];
    st_rlx(&debts, debts - 1);
  }
  lock_drop(&debt_lock);
  return some;
}

void debt_settle(void) {
  struct range range;
  if (!ld_rlx(&debts)) return;
  while (take_one(&range)) {
    bool gone = os_unmap_once(range.start, range.bytes);
    /* Where each second call is refused, the first is, always. */
    if (gone || os_unmap_once(range.start, range.bytes)) continue;
    note(range.start, range.bytes);
    return;
  }
}

COLD void debt_owe(void *p, size_t bytes) {
  if (note(p, bytes)) return;
  debt_settle();
  note(p, bytes);
}

void debt_fork_take(void) {
  lock_fork_take(&debt_lock);
}

void debt_fork_drop(void) {
  lock_fork_drop(&debt_lock);
}
