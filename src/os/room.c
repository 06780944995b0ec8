#include "os/room.h"

#include "os/limits.h"
#include "os/process.h"

uint64_t room_short;
static uint64_t spent;     /* [any] bytes mapped since the last look */
static uint64_t next_look; /* [any] ms; 0: none yet */

/* After a look the next is due in MS at the soonest. One thread wins it. */
static void look_after(uint64_t ms, uint64_t now) {
  uint64_t due = ld_rlx(&next_look);
  if (due && now + ROOM_LOOK_MS < due + ms) return;
  if (!cas_acq(&next_look, &due, now + ROOM_LOOK_MS)) return;
  st_rlx(&spent, 0);
  room_set(limits_cgroup_room_below(""));
}

void room_look(void) {
  if (ld_rlx(&next_look)) look_after(ROOM_LOOK_MS, os_milliseconds());
}

void room_spend(size_t bytes) {
  uint64_t sum = add_rlx(&spent, bytes) + bytes;
  uint64_t much = ld_rlx(&next_look) ? room_left() / ROOM_SHARE : ROOM_FIRST;
  if (sum > much) look_after(ROOM_LOOK_NEAR, os_milliseconds());
}
