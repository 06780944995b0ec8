#include "os/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/text.h"
#include "os/process.h"

/* --- values --- */

/* A number, with "kB" behind it or not, or "max". What stands for no limit in version 1 of cgroups
 * is the largest number of whole pages below 2^63, so it depends on the page size. */
static uint64_t value_of(const char *p) {
  uint64_t n = 0;
  while (*p == ' ' || *p == '\t') p++;
  if (text_same(p, "max")) return LIMITS_NONE;
  if (*p < '0' || *p > '9') return LIMITS_UNKNOWN;
  for (; *p >= '0' && *p <= '9'; p++) {
    if (n > INT64_MAX / 10) return LIMITS_NONE;
    n = n * 10 + (uint64_t)(*p - '0');
  }
  if (text_same(p, " kB")) n = n > INT64_MAX / KIB ? LIMITS_NONE : n * KIB;
  return n > INT64_MAX - MIB ? LIMITS_NONE : n;
}

struct field {
  const char *name; /* how its line begins */
  uint64_t *value;
};

/* Takes the values of the first lines that begin with the N names. */
static void read_fields(const struct place *at, const char *file, const struct field *fields,
                        size_t n) {
  struct lines l;
  if (!lines_open(&l, at, file)) return;
  while (lines_next(&l)) {
    for (size_t i = 0; i < n; i++) {
      if (*fields[i].value != LIMITS_UNKNOWN) continue;
      if (!text_begins(l.line, fields[i].name)) continue;
      *fields[i].value = value_of(l.line + strlen(fields[i].name));
    }
  }
  lines_close(&l);
}

/* The value of a file that holds nothing else. */
static uint64_t read_value(const struct place *at, const char *file) {
  uint64_t value = LIMITS_UNKNOWN;
  struct field whole = {"", &value};
  read_fields(at, file, &whole, 1);
  return value;
}

static uint64_t add(uint64_t a, uint64_t b) {
  return a == LIMITS_UNKNOWN || b == LIMITS_UNKNOWN ? LIMITS_UNKNOWN : a + b;
}

/* --- the process --- */

static uint64_t soft_limit(int which) {
  struct rlimit r;
  if (syscall(SYS_prlimit64, 0, which, NULL, &r) != 0) return LIMITS_UNKNOWN;
  /* The kernel lets a process with a soft limit of 0 on its data go up to the hard one. */
  if (which == RLIMIT_DATA && r.rlim_cur == 0) r.rlim_cur = r.rlim_max;
  return r.rlim_cur == RLIM_INFINITY ? LIMITS_NONE : r.rlim_cur;
}

/* The strings of the program's start stand at the top of what a process can address. */
static uint64_t addresses(void) {
  uint64_t top = getauxval(AT_EXECFN);
  return top ? (uint64_t)2 << bit_highest(top) : LIMITS_UNKNOWN;
}

static void read_process(const struct place *top, struct limits_facts *facts) {
  const struct field fields[] = {
      {"VmSize:", &facts->address_space.use},
      {"VmData:", &facts->data.use},
      {"VmLck:", &facts->locked.use},
  };
  read_fields(top, "/proc/self/status", fields, sizeof fields / sizeof *fields);
  facts->user_space.use = facts->address_space.use;
  facts->user_space.limit = addresses();
  facts->address_space.limit = soft_limit(RLIMIT_AS);
  facts->data.limit = soft_limit(RLIMIT_DATA);
  facts->locked.limit = soft_limit(RLIMIT_MEMLOCK);
}

/* The page of x86-64's old system calls is listed, but the kernel does not count it. */
static void read_mappings(const struct place *top, struct limits_facts *facts) {
  struct lines l;
  facts->mappings.limit = read_value(top, "/proc/sys/vm/max_map_count");
  if (!lines_open(&l, top, "/proc/self/maps")) return;
  facts->mappings.use = 0;
  while (lines_next(&l)) facts->mappings.use += !text_begins(l.line, "ffffffffff");
  lines_close(&l);
  if (!facts->mappings.use || l.failed) facts->mappings.use = LIMITS_UNKNOWN;
}

/* --- the system --- */

/* What the kernel keeps back for the administrator and for a way out of a full system. */
static uint64_t commit_reserve(const struct place *top, const struct limits_facts *facts) {
  uint64_t admin = read_value(top, "/proc/sys/vm/admin_reserve_kbytes");
  uint64_t user = read_value(top, "/proc/sys/vm/user_reserve_kbytes");
  if (add(admin, user) == LIMITS_UNKNOWN || facts->address_space.use == LIMITS_UNKNOWN)
    return LIMITS_UNKNOWN;
  return admin * KIB + min_size(user * KIB, facts->address_space.use / 32);
}

static void read_commit(const struct place *top, struct limits_facts *facts) {
  const struct field fields[] = {
      {"MemTotal:", &facts->memory},
      {"MemAvailable:", &facts->available},
      {"SwapTotal:", &facts->swap},
      {"CommitLimit:", &facts->commit.limit},
      {"Committed_AS:", &facts->commit.use},
  };
  facts->overcommit = read_value(top, "/proc/sys/vm/overcommit_memory");
  read_fields(top, "/proc/meminfo", fields, sizeof fields / sizeof *fields);
  facts->commit_reserve = commit_reserve(top, facts);
}

/* --- the cgroup --- */

/* The names of one version's files, and where its tree may stand. */
struct version {
  const char *mounts[2];
  const char *limit;
  const char *high; /* where the kernel begins to slow the group down; NULL: nowhere */
  const char *use;
  const char *idle; /* in memory.stat: pages of files that it takes back first */
  const char *hits_file;
  const char *hits;
  const char *ooms_file;
  const char *ooms;
};

static const struct version version_1 = {
    {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory"},
    "/memory.limit_in_bytes", NULL,
    "/memory.usage_in_bytes",
    "total_inactive_file ",
    "/memory.failcnt", "",
    "/memory.oom_control", "oom_kill ",
};
static const struct version version_2 = {
    {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"},
    "/memory.max", "/memory.high",
    "/memory.current",
    "inactive_file ",
    "/memory.events", "max ",
    "/memory.events", "oom ",
};

/* Is "memory" one of the comma-separated names that end at END? */
static bool lists_memory(const char *names, const char *end) {
  while (names < end) {
    size_t length = text_until(names, ",:");
    if (length == 6 && text_begins(names, "memory")) return true;
    names += length + 1;
  }
  return false;
}

/* The part of the tree that a path like "/a/b" of /proc/self/cgroup means: none for the top, and
 * none for one that leads out of a namespace. */
static const char *group_of(const char *path) {
  bool outside = text_begins(path, "/..") && (path[3] == '/' || !path[3]);
  return outside || !path[1] ? "" : path;
}

/* Finds the process's group in the version whose memory controller is in use: of two trees, the one
 * of version 1 if it is there. */
static const struct version *find_group(const struct place *top, char group[LINES_MOST]) {
  const struct version *found = NULL;
  struct lines l;
  if (!lines_open(&l, top, "/proc/self/cgroup")) return NULL;
  while (found != &version_1 && lines_next(&l)) {
    size_t used = 0;
    const char *names = l.line + text_until(l.line, ":");
    const char *path = *names ? names + 1 + text_until(names + 1, ":") : names;
    if (!*path || l.cut) continue;
    if (lists_memory(names + 1, path)) found = &version_1;
    else if (text_begins(l.line, "0::")) found = &version_2;
    else continue;
    lines_append(group, &used, group_of(path + 1));
  }
  lines_close(&l);
  return found;
}

static uint64_t room_of(const struct limit_fact *fact) {
  if (fact->limit == LIMITS_UNKNOWN) return LIMITS_UNKNOWN;
  if (fact->limit == LIMITS_NONE || fact->use == LIMITS_UNKNOWN) return fact->limit;
  return fact->use < fact->limit ? fact->limit - fact->use : 0;
}

/* Cuts HERE to the group above it. Returns false at its first LEAST bytes. */
static bool step_up(struct place *here, size_t least) {
  if (here->length <= least) return false;
  while (here->length > least && here->directory[--here->length] != '/') continue;
  return true;
}

/* Looks at AT and the directories above it, down to its first LEAST bytes: the nearest of those
 * with the least room sets the facts, and AT is cut to it. Returns false when none has a limit. */
static bool walk_up(const struct version *v, struct place *at, size_t least,
                    struct limits_facts *facts) {
  struct place here = *at;
  do {
    struct limit_fact fact = {read_value(&here, v->use), read_value(&here, v->limit)};
    if (room_of(&fact) < room_of(&facts->cgroup)) {
      facts->cgroup = fact;
      at->length = here.length;
    }
  } while (step_up(&here, least));
  return facts->cgroup.limit != LIMITS_UNKNOWN;
}

static void read_events(const struct version *v, const struct place *at,
                        struct limits_facts *facts) {
  struct field hits = {v->hits, &facts->cgroup_hits};
  struct field ooms = {v->ooms, &facts->cgroup_ooms};
  read_fields(at, v->hits_file, &hits, 1);
  read_fields(at, v->ooms_file, &ooms, 1);
}

static bool exists(const struct place *at, const char *file) {
  struct lines l;
  if (!lines_open(&l, at, file)) return false;
  lines_close(&l);
  return true;
}

/* Is this the root of all groups, which alone has no type? Then nothing above it sets a limit. The
 * top of a namespace or of a container's mount is an inner group. */
static bool is_true_root(const struct place *at) {
  return exists(at, "/cgroup.procs") && !exists(at, "/cgroup.type");
}

/* Reads the groups from GROUP up, in the tree at MOUNT. Returns false when they tell nothing. The
 * path is put together where the facts keep it. */
static bool read_tree(const struct place *top, const struct version *v, const char *mount,
                      const char *group, struct limits_facts *facts) {
  char *path = facts->cgroup_file;
  size_t used = 0;
  struct place at = {top->root, path, 0};
  if (!lines_append(path, &used, mount) || !lines_append(path, &used, group)) return false;
  at.length = used;
  if (walk_up(v, &at, strlen(mount), facts)) {
    read_events(v, &at, facts);
    return lines_append(path, &at.length, v->limit);
  }
  at.length = strlen(mount);
  if (v == &version_2 && is_true_root(&at)) facts->cgroup.limit = LIMITS_NONE;
  return false;
}

static void read_cgroup(const struct place *top, struct limits_facts *facts) {
  char group[LINES_MOST];
  const struct version *v = find_group(top, group);
  if (!v) return;
  if (read_tree(top, v, v->mounts[0], group, facts)) return;
  if (facts->cgroup.limit == LIMITS_UNKNOWN)
    if (read_tree(top, v, v->mounts[1], group, facts)) return;
  facts->cgroup_file[0] = 0;
}

/* --- all --- */

/* The room of one group, below the nearer of its limits. */
static uint64_t room_at(const struct version *v, const struct place *at) {
  struct limit_fact max = {read_value(at, v->use), read_value(at, v->limit)};
  struct limit_fact high = {max.use, v->high ? read_value(at, v->high) : LIMITS_UNKNOWN};
  uint64_t idle = LIMITS_UNKNOWN;
  struct field field = {v->idle, &idle};
  if (max.limit >= LIMITS_NONE && high.limit >= LIMITS_NONE) return LIMITS_UNKNOWN;
  read_fields(at, "/memory.stat", &field, 1);
  if (idle < max.use && max.use < LIMITS_NONE) max.use = high.use = max.use - idle;
  return min_size(room_of(&max), room_of(&high));
}

uint64_t limits_cgroup_room_below(const char *root) {
  const struct place top = {root, "", 0};
  uint64_t room = LIMITS_UNKNOWN;
  int saved = errno;
  char path[LIMITS_PATH]; /* a mount and the group */
  const struct version *v = find_group(&top, path);
  size_t group = v ? strlen(path) : 0;
  size_t before = 0;
  for (int i = 0; v && i < 2 && room == LIMITS_UNKNOWN; i++) {
    size_t mount = strlen(v->mounts[i]);
    struct place here = {root, path, mount + group};
    if (here.length >= sizeof path) break;
    memmove(path + mount, path + before, group + 1);
    memcpy(path, v->mounts[i], mount);
    before = mount;
    do room = min_size(room, room_at(v, &here));
    while (step_up(&here, mount));
  }
  errno = saved;
  return room;
}

void limits_read_below(const char *root, struct limits_facts *facts) {
  const struct place top = {root, "", 0};
  int saved = errno;
  memset(facts, 0xff, sizeof *facts); /* LIMITS_UNKNOWN everywhere */
  facts->cgroup_file[0] = 0;
  facts->page = os_page_size();
  read_process(&top, facts);
  read_mappings(&top, facts);
  read_commit(&top, facts);
  read_cgroup(&top, facts);
  errno = saved;
}

void limits_read(struct limits_facts *facts) {
  limits_read_below("", facts);
}

bool limits_exceeded(const struct limit_fact *fact, uint64_t bytes) {
  if (fact->use == LIMITS_UNKNOWN || fact->limit == LIMITS_UNKNOWN) return false;
  if (fact->limit == LIMITS_NONE) return false;
  return fact->use > fact->limit || bytes > fact->limit - fact->use;
}
