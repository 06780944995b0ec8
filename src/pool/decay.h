/* decay - freed memory goes back with age, by whoever passes.
 *
 * Owns:     the time of the next look, and the right to purge for age: one thread at a time has it.
 * Promise:  what was freed stays for HAKMEM_DECAY_MS, and goes within twice that time if a thread
 *           passes, at most a batch per passage. Where nobody passes, see front/background.
 * Threads:  any that holds no lock of super or huge. Its own lock is held across system calls: who
 *           passes only tries it, and a fork waits for it, so that no child loses what is half
 *           done.
 * Cost:     a load when nothing is retained, else a clock read; eight looks in the time.
 * Inverse:  none; decay_fork_take / decay_fork_drop.
 * Dials:    HAKMEM_DECAY_MS, HAKMEM_PURGE.   Gauges: super.decayed_bytes.
 */
#ifndef POOL_DECAY_H
#define POOL_DECAY_H

#include "diag/counter.h"
#include "os/process.h"

extern uint64_t decay_next;   /* [any] relaxed; ms */
extern uint64_t decay_shrinks; /* [lock decay] relaxed; times that caches were told to shrink */
extern unsigned decay_halvings; /* [lock decay] relaxed; of what caches hold, since the start */
extern uint64_t decay_growth; /* [any] relaxed; bytes mapped at which the program has grown */

/* Purges a batch of what is due at NOW, and what is beyond the budget; looks at the cgroup. Returns
 * whether another batch is due at once. */
bool decay_step(uint64_t now);

/* Milliseconds between two looks. */
uint64_t decay_interval(void);

/* The program has grown by a superslab or more since the last time: some free pages of slabs go. */
COLD void decay_grown(void);

/* Notes that blocks of BYTES came into use, or went out of it where BYTES is negative. Returns
 * whether decay_shrunk() has something to do. Where what is in use fell by half,
 * or by more where that is needed again soon, decay_shrinks rises: whoever caches blocks then
 * caches less. */
bool decay_moved(ptrdiff_t bytes);

/* Likewise, after a run or a huge mapping came back. */
bool decay_given(void);

/* After the blocks in use fell to a SHRUNK_PART-th, or all live memory by half: free pages of slabs
 * go, at most some ms of work at a time, but for half of what the budget of retained memory has
 * left. */
COLD void decay_shrunk(void);

/* Gives the free pages of slabs that nobody owns back at once, but for KEEP bytes of them. Returns
 * the bytes given back. */
size_t decay_trim_slabs(size_t keep);

ALWAYS_INLINE void decay_pass(void) {
  uint64_t ages = count_read(CNT_RETAINED_BYTES) | count_read(CNT_SPARSE_WAITING);
  uint64_t now = ages ? os_milliseconds() : 0;
  if (UNLIKELY(now >= ld_rlx(&decay_next)) && now) decay_step(now);
  if (UNLIKELY(count_read(CNT_SUPER_BYTES) >= ld_rlx(&decay_growth))) decay_grown();
}

/* Between the two nothing ages: the background thread stands still. */
void decay_stop(void);
void decay_go_on(void);

void decay_fork_take(void); /* before fork; inverse: decay_fork_drop */
void decay_fork_drop(void);

#endif
