/* limits - what the system allows this process, and what the process uses of it, at this moment.
 *
 * Owns:     nothing; the facts are the caller's.
 * Promise:  a fact that cannot be read is LIMITS_UNKNOWN, never a guess. Allocates nothing.
 * Threads:  any; async-signal-safe, no cancellation point. errno is preserved. The facts are read
 *           one after the other: while other threads map and unmap they are of slightly different
 *           moments.
 * Cost:     some ten files of /proc and /sys, and one pass over the table of mappings: in a usual
 *           process a fifth of a millisecond, with 65,530 mappings some 20. Some 4 KiB of stack.
 * Refuses:  nothing.
 */
#ifndef OS_LIMITS_H
#define OS_LIMITS_H

#include "os/lines.h"

#define LIMITS_UNKNOWN UINT64_MAX
#define LIMITS_NONE (UINT64_MAX - 1) /* of a limit: the system sets none */

/* vm.overcommit_memory */
enum { OVERCOMMIT_GUESS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER };

enum { LIMITS_PATH = LINES_MOST }; /* bytes; the longest path of a cgroup that is understood */

struct limit_fact {
  uint64_t use;
  uint64_t limit; /* LIMITS_NONE: there is none */
};

struct limits_facts {
  uint64_t page;                   /* bytes; always known */
  struct limit_fact mappings;      /* mappings; vm.max_map_count */
  struct limit_fact user_space;    /* bytes; VmSize, and the addresses that a process can have */
  struct limit_fact address_space; /* bytes; VmSize, RLIMIT_AS */
  struct limit_fact data;          /* bytes; VmData, RLIMIT_DATA */
  struct limit_fact locked;        /* bytes; VmLck, RLIMIT_MEMLOCK */
  struct limit_fact commit;        /* bytes; Committed_AS, CommitLimit: of the whole system */
  struct limit_fact cgroup;        /* bytes; of the ancestor with the least room left */
  uint64_t overcommit;             /* OVERCOMMIT_* */
  /* bytes below CommitLimit that the kernel may keep from this process */
  uint64_t commit_reserve;
  uint64_t memory;                 /* bytes; MemTotal */
  uint64_t available;              /* bytes; MemAvailable */
  uint64_t swap;                   /* bytes; SwapTotal */
  uint64_t cgroup_hits;            /* times that cgroup reached its limit */
  /* times that this ended in an out-of-memory state (v1: a kill) */
  uint64_t cgroup_ooms;
  char cgroup_file[LIMITS_PATH];   /* where its limit stands; "" when there is none */
};

/* Reads all facts of this process. */
void limits_read(struct limits_facts *facts);

/* The bytes left below the cgroup limit that has the least room, memory.high included; 0 when it is
 * exceeded, and a number above any memory when there is no limit or none is known. Pages of files
 * that were not used of late are room: the kernel takes them before it kills. ROOT: "", or where
 * recorded files are. Cost: the cgroup's files alone, some 100 us. */
uint64_t limits_cgroup_room_below(const char *root);

/* As limits_read, from the files below the directory ROOT instead of /: recorded ones. The limits
 * of getrlimit(2) and the width of addresses stay this process's. */
void limits_read_below(const char *root, struct limits_facts *facts);

/* Is new memory locked as it is mapped, as after mlockall(MCL_FUTURE)? The kernel does not say;
 * that memory is locked at all is the only sign. */
static inline bool limits_locks_future(const struct limits_facts *facts) {
  return facts->locked.use != LIMITS_UNKNOWN && facts->locked.use > 0;
}

/* Is USE + BYTES above the limit? False when either is unknown. */
bool limits_exceeded(const struct limit_fact *fact, uint64_t bytes);

#endif
