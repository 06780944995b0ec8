/* room - the bytes left below the nearest limit of the process's cgroup, as of the last look.
 *
 * Owns:     the figure, and when it is read again.
 * Promise:  no look before ROOM_FIRST bytes were mapped; afterwards one when a second has passed,
 *           or sooner, when what was mapped since is an eighth of the room. Where there is no limit
 *           the room is ROOM_UNKNOWN, a number above any memory.
 * Threads:  any; one of them looks.
 * Cost:     room_left is a load; a look reads some files of /sys, about 0.1 ms.
 */
#ifndef OS_ROOM_H
#define OS_ROOM_H

#include "base/atomic.h"
#include "base/config.h"

#define ROOM_UNKNOWN UINT64_MAX

extern uint64_t room_short; /* [any] relaxed; ROOM_UNKNOWN less the room: 0 is nothing known */

ALWAYS_INLINE uint64_t room_left(void) {
  return ROOM_UNKNOWN - ld_rlx(&room_short);
}

ALWAYS_INLINE void room_set(uint64_t bytes) {
  st_rlx(&room_short, ROOM_UNKNOWN - bytes);
}

/* Looks, unless that was done within ROOM_LOOK_MS. */
void room_look(void);

/* Counts BYTES as mapped or come into use, and looks when they are much for the room. */
void room_spend(size_t bytes);

#endif
