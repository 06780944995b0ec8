/* background - a thread that gives aged memory back while the program idles.
 *
 * Owns:     the thread, which HAKMEM_BACKGROUND=1 asks for.
 * Promise:  starts only after the constructors of libc, once the process took more than 4 MiB, at
 *           the end of a call of malloc, where no lock of ours or of libc's is held. It blocks all
 *           signals, allocates nothing, sleeps while nothing is retained, and ends when every
 *           thread that ever allocated has ended, so that it keeps no process alive. A forked child
 *           starts its own, once it took as much itself.
 * Threads:  any.
 * Cost:     a load at the end of a miss; when idle no wake-up at all, else eight in the time of
 *           HAKMEM_DECAY_MS, but one a second at least.
 * Refuses:  when the system has no thread to give: one line, and the process goes on without.
 * Inverse:  background_fork_take / background_fork_drop.
 * Dials:    HAKMEM_BACKGROUND, HAKMEM_DECAY_MS.
 */
#ifndef FRONT_BACKGROUND_H
#define FRONT_BACKGROUND_H

#include "base/atomic.h"
#include "base/config.h"

enum background {
  BACKGROUND_OFF,
  BACKGROUND_WANTED, /* to be started when there is something to do */
  BACKGROUND_FORKING, /* wanted, but not during a fork */
  BACKGROUND_RUNS,
};

extern uint32_t background_state; /* [any] enum background */

/* libc is ready: from now on the thread may start. */
void background_allow(void);

COLD void background_start(void);

ALWAYS_INLINE void background_pass(void) {
  if (UNLIKELY(ld_rlx(&background_state) == BACKGROUND_WANTED)) background_start();
}

/* A thread has ended that had caches. */
void background_thread_ended(void);

void background_fork_take(void);
void background_fork_parent(void);
void background_fork_child(void);

#endif
