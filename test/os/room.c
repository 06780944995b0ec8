/* room - the bytes left below a cgroup's limits, from recorded trees; when they are read again. */
#include "os/room.h"

#include "helpers/machine.h"
#include "os/limits.h"

#define CHECK_ROOM(expected)                                                      \
  CHECK_MSG(limits_cgroup_room_below(root) == (uint64_t)(expected),               \
            "line %d: the room is %llu, not %llu", __LINE__,                      \
            (unsigned long long)limits_cgroup_room_below(root), (unsigned long long)(expected))

static void version_2(void) {
  machine_start("version 2: the room is what max and high leave, idle pages of files included");
  put("/proc/self/cgroup", "0::/app/db\n");
  put("/sys/fs/cgroup/app/db/memory.current", "600000\n");
  put("/sys/fs/cgroup/app/db/memory.max", "1000000\n");
  CHECK_ROOM(400000);
  put("/sys/fs/cgroup/app/db/memory.high", "max\n");
  CHECK_ROOM(400000);
  put("/sys/fs/cgroup/app/db/memory.high", "700000\n");
  CHECK_ROOM(100000);
  put("/sys/fs/cgroup/app/db/memory.stat", "anon 100\ninactive_file 50000\nactive_file 7\n");
  CHECK_ROOM(150000);
  put("/sys/fs/cgroup/app/db/memory.high", "500000\n");
  CHECK_ROOM(0);
  put("/sys/fs/cgroup/app/db/memory.max", "max\n");
  put("/sys/fs/cgroup/app/db/memory.high", "800000\n");
  CHECK_ROOM(250000);
  machine_end();
  machine_start("version 2: of a group and those above it the one with the least room counts");
  put("/proc/self/cgroup", "0::/app/db\n");
  put("/sys/fs/cgroup/app/db/memory.current", "1000\n");
  put("/sys/fs/cgroup/app/db/memory.max", "max\n");
  CHECK_ROOM(ROOM_UNKNOWN);
  put("/sys/fs/cgroup/app/memory.current", "4000\n");
  put("/sys/fs/cgroup/app/memory.max", "9000\n");
  CHECK_ROOM(5000);
  put("/sys/fs/cgroup/app/db/memory.max", "3000\n");
  CHECK_ROOM(2000);
  machine_end();
}

static void version_1(void) {
  machine_start("version 1: the same from its files; without files the room is unknown");
  CHECK_ROOM(ROOM_UNKNOWN);
  put("/proc/self/cgroup", "4:memory:/box\n0::/other\n");
  put("/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "900000\n");
  put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "1000000\n");
  put("/sys/fs/cgroup/memory/box/memory.stat", "inactive_file 1\ntotal_inactive_file 30000\n");
  CHECK_ROOM(130000);
  machine_end();
}

/* The room that this process's own files give is seen as a change of the figure. */
static void looks(void) {
  const uint64_t none = 12345; /* a figure that no look gives */
  test_begin("no look before 16 MiB are mapped; then each second, or after an eighth of the room");
  room_set(none);
  room_look();
  room_spend(ROOM_FIRST);
  CHECK(room_left() == none);
  room_spend(1);
  CHECK(room_left() != none);
  room_set(none);
  room_look();
  CHECK(room_left() == none);
  usleep(40000);
  room_spend(none / ROOM_SHARE);
  CHECK(room_left() == none);
  room_spend(2);
  CHECK(room_left() != none);
  room_set(none);
  usleep(1100000);
  room_look();
  CHECK(room_left() != none);
  test_end();
}

int main(void) {
  version_2();
  version_1();
  looks();
  return test_status();
}
