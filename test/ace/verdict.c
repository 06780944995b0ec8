/* verdict - each limit named from facts that exceed it; then each reached for real in a child
 * process, named, and its mend tried. */
#include "ace/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#include "helpers/box.h"

static struct limits_facts facts;

/* --- from facts --- */

/* A machine on which nothing is near its limit. */
static void calm(void) {
  const struct limit_fact open = {50 * MIB, LIMITS_NONE};
  memset(&facts, 0, sizeof facts);
  facts.page = 4096;
  facts.mappings = (struct limit_fact){100, 65530};
  facts.user_space = (struct limit_fact){50 * MIB, (uint64_t)1 << 47};
  facts.address_space = facts.data = facts.cgroup = open;
  facts.locked = (struct limit_fact){0, 8 * MIB};
  facts.overcommit = OVERCOMMIT_GUESS;
  facts.commit = (struct limit_fact){3 * GIB, 4 * GIB};
  facts.commit_reserve = 8 * MIB;
  facts.memory = 8 * GIB;
  facts.swap = GIB;
  facts.cgroup_hits = facts.cgroup_ooms = 1;
}

static struct verdict judge(uint64_t bytes, uint64_t align, int error) {
  struct verdict_request request = {bytes, align, bytes, error, REASON_MAPFAIL, 0, 0};
  return ace_verdict(&facts, &request);
}

static void check_words(const struct verdict *v, const char *expected) {
  struct text t;
  text_start(&t, -1);
  verdict_text(&t, v);
  CHECK_MSG(t.used == strlen(expected) && !memcmp(t.data, expected, t.used), "'%.*s' is not '%s'",
            (int)t.used, t.data, expected);
}

/* A request for 4 MiB that is refused with ERROR by what the facts now say. */
static void check_verdict(enum verdict_limit which, int error, const char *words) {
  struct verdict v = judge(4 * MIB, 16, error);
  CHECK_MSG(v.which == which, "%s is not %s", verdict_names[v.which], verdict_names[which]);
  check_words(&v, words);
  calm();
}

static void process_limits(void) {
  test_begin("limits of the process: each is named, with its value, its use and its mend");
  calm();
  facts.address_space = (struct limit_fact){205000705, 209000000};
  check_verdict(VERDICT_ADDRESS_SPACE, ENOMEM,
                "verdict=RLIMIT_AS limit=209000000 use=205000705 mend=\"ulimit -v unlimited, or "
                "204293 or more\"");
  facts.data = (struct limit_fact){100 * MIB, 104 * MIB - 1};
  check_verdict(VERDICT_DATA, ENOMEM,
                "verdict=RLIMIT_DATA limit=109051903 use=104857600 mend=\"ulimit -d unlimited, or "
                "106496 or more\"");
  facts.locked = (struct limit_fact){5 * MIB, 8 * MIB};
  check_verdict(VERDICT_LOCKED, EAGAIN,
                "verdict=RLIMIT_MEMLOCK limit=8388608 use=5242880 mend=\"ulimit -l unlimited, or "
                "9216 or more, or no mlockall(MCL_FUTURE)\"");
  facts.mappings = (struct limit_fact){65530, 65530};
  check_verdict(VERDICT_MAPPINGS, ENOMEM,
                "verdict=vm.max_map_count limit=65530 use=65530 mend=\"sysctl "
                "vm.max_map_count=131060\"");
  facts.user_space.use = ((uint64_t)1 << 47) - MIB;
  check_verdict(VERDICT_USER_SPACE, ENOMEM,
                "verdict=user-address-space limit=140737488355328 use=140737487306752 mend=\"ask "
                "for less, or unmap: a process has no more addresses\"");
  test_end();
}

static void system_limits(void) {
  test_begin("limits of the system: commit and cgroup are named, with value, use and mend");
  calm();
  facts.overcommit = OVERCOMMIT_NEVER;
  facts.commit.use = 4 * GIB - MIB;
  check_verdict(VERDICT_COMMIT, ENOMEM,
                "verdict=vm.overcommit_memory limit=4294967296 use=4293918720 mend=\"sysctl "
                "vm.overcommit_memory=0, or a larger vm.overcommit_ratio, or more swap\"");
  facts.overcommit = OVERCOMMIT_NEVER;
  facts.commit.use = 4 * GIB - 10 * MIB; /* within the kernel's reserve */
  CHECK(judge(4 * MIB, 16, ENOMEM).which == VERDICT_COMMIT);
  facts.commit_reserve = LIMITS_UNKNOWN;
  CHECK(judge(4 * MIB, 16, ENOMEM).which == VERDICT_NONE);
  calm();
  facts.memory = 3 * MIB;
  facts.swap = 0;
  check_verdict(VERDICT_COMMIT, ENOMEM,
                "verdict=vm.overcommit_memory limit=3145728 use=0 mend=\"sysctl "
                "vm.overcommit_memory=1, or more memory or swap\"");
  facts.memory = 3 * MIB;
  facts.swap = MIB;
  CHECK(judge(4 * MIB, 0, ENOMEM).which == VERDICT_NONE);
  calm();
  facts.cgroup = (struct limit_fact){99 * MIB, 100 * MIB};
  strcpy(facts.cgroup_file, "/sys/fs/cgroup/a\"b\n/memory.max");
  check_verdict(VERDICT_CGROUP, ENOMEM,
                "verdict=cgroup-memory limit=104857600 use=103809024 mend=\"raise "
                "/sys/fs/cgroup/a?b?/memory.max to 108003328 or more\"");
  facts.cgroup = (struct limit_fact){99 * MIB, 100 * MIB};
  check_verdict(VERDICT_CGROUP, ENOMEM,
                "verdict=cgroup-memory limit=104857600 use=103809024 mend=\"raise the memory limit "
                "of the cgroup to 108003328 or more\"");
  test_end();
}

static void own_limits(void) {
  struct verdict_request full = {MIB, 16, 4 * MIB, 0, REASON_EXHAUSTION, 64 * MIB, 62 * MIB};
  struct verdict_request large = {(uint64_t)PTRDIFF_MAX + 1, 16, 0, 0, REASON_OVERFLOW, 0, 0};
  struct verdict v;
  test_begin("HAKMEM_LIMIT and impossible sizes are named without asking the system's limits");
  calm();
  facts.mappings.use = 70000;
  v = ace_verdict(&facts, &full);
  CHECK(v.which == VERDICT_HAKMEM_LIMIT);
  check_words(&v, "verdict=HAKMEM_LIMIT limit=67108864 use=65011712 mend=\"HAKMEM_LIMIT=69206016 "
                  "or more, or 0 for no limit\"");
  full.hakmem_use = 60 * MIB;
  CHECK(ace_verdict(&facts, &full).which == VERDICT_NONE);
  full.hakmem_limit = 0;
  CHECK(ace_verdict(&facts, &full).which == VERDICT_NONE);
  v = ace_verdict(&facts, &large);
  CHECK(v.which == VERDICT_IMPOSSIBLE);
  check_words(&v, "verdict=impossible limit=9223372036854775807 use=9223372036854775808 mend=\"ask "
                  "for less: no object can be that large\"");
  large.reason = REASON_MAPFAIL;
  CHECK(ace_verdict(&facts, &large).which == VERDICT_IMPOSSIBLE);
  large.size = PTRDIFF_MAX - 15;
  CHECK(ace_verdict(&facts, &large).which == VERDICT_IMPOSSIBLE);
  large.size = PTRDIFF_MAX - 16;
  CHECK(ace_verdict(&facts, &large).which == VERDICT_MAPPINGS);
  test_end();
}

static void honesty(void) {
  struct verdict v;
  test_begin("where no limit is exceeded none is named, and unread limits are admitted");
  calm();
  check_verdict(VERDICT_NONE, ENOMEM,
                "verdict=none note=\"no limit that hakmem knows was reached\"");
  memset(&facts, 0xff, sizeof facts);
  facts.page = 4096;
  check_verdict(VERDICT_NONE, ENOMEM,
                "verdict=none note=\"no limit that hakmem could read was reached; some could not "
                "be read\"");
  facts.data.use = LIMITS_UNKNOWN;
  facts.data.limit = 1;
  v = judge(4 * MIB, 16, ENOMEM);
  CHECK(v.which == VERDICT_NONE && v.blind);
  calm();
  facts.cgroup.use = LIMITS_UNKNOWN; /* of a group without limit */
  CHECK(!judge(4 * MIB, 16, ENOMEM).blind);
  facts.overcommit = OVERCOMMIT_ALWAYS;
  facts.memory = facts.commit.use = LIMITS_UNKNOWN;
  CHECK(!judge(4 * MIB, 16, ENOMEM).blind);
  facts.overcommit = OVERCOMMIT_NEVER;
  CHECK(judge(4 * MIB, 16, ENOMEM).blind);
  test_end();
  test_begin("a limit that cannot have refused is not named");
  calm();
  facts.locked.use = 8 * MIB; /* refuses with EAGAIN alone */
  facts.cgroup = (struct limit_fact){100 * MIB, 100 * MIB};
  facts.cgroup_hits = 0; /* full of page cache, but never at its limit */
  facts.overcommit = OVERCOMMIT_ALWAYS;
  facts.memory = facts.swap = 0;
  facts.commit.use = 5 * GIB;
  CHECK(judge(4 * MIB, 16, ENOMEM).which == VERDICT_NONE);
  CHECK(judge(4 * MIB, 16, EAGAIN).which == VERDICT_LOCKED);
  CHECK(judge(4 * MIB, 16, 0).which == VERDICT_LOCKED);
  facts.locked.use = 0;
  facts.mappings.use = 70000;
  CHECK(judge(4 * MIB, 16, EAGAIN).which == VERDICT_NONE);
  CHECK(judge(4 * MIB, 16, EPERM).which == VERDICT_NONE);
  CHECK(judge(4 * MIB, 16, 0).which == VERDICT_MAPPINGS);
  test_end();
}

/* --- order --- */

static void everything_full(void) {
  const struct limit_fact full = {GIB, GIB};
  calm();
  facts.mappings = (struct limit_fact){9, 9};
  facts.user_space = facts.address_space = facts.data = facts.locked = facts.cgroup = full;
  facts.memory = facts.swap = 0;
}

static void order(void) {
  struct limit_fact *const facts_in_order[] = {&facts.mappings, &facts.user_space,
                                               &facts.address_space, &facts.data};
  const enum verdict_limit names[] = {VERDICT_MAPPINGS, VERDICT_USER_SPACE, VERDICT_ADDRESS_SPACE,
                                      VERDICT_DATA};
  test_begin("of several exceeded limits the one is named that the kernel compares first");
  everything_full();
  for (int i = 0; i < 4; i++) {
    CHECK(judge(1, 16, ENOMEM).which == names[i]);
    facts_in_order[i]->use = 0;
  }
  CHECK(judge(1, 16, ENOMEM).which == VERDICT_COMMIT);
  facts.memory = GIB;
  CHECK(judge(1, 16, ENOMEM).which == VERDICT_CGROUP);
  test_end();
  test_begin("alignment and spare mappings are counted, after all that the bytes alone exceed");
  calm();
  facts.address_space.limit = 60 * MIB;
  CHECK(judge(4 * MIB, 16 * MIB, ENOMEM).which == VERDICT_ADDRESS_SPACE);
  facts.mappings.use = 65526;
  CHECK(judge(4 * MIB, 16 * MIB, ENOMEM).which == VERDICT_MAPPINGS);
  facts.data.limit = 51 * MIB;
  CHECK(judge(4 * MIB, 16 * MIB, ENOMEM).which == VERDICT_DATA);
  test_end();
}

/* --- for real --- */

static void *map(size_t bytes, int protection) {
  return mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Maps BYTES at a time until the kernel refuses; then that must be for the limit WHICH. */
static struct verdict refuse(size_t bytes, int protection, enum verdict_limit which) {
  struct verdict v;
  void *p;
  do p = map(bytes, protection);
  while (p != MAP_FAILED);
  limits_read(&facts);
  v = judge(bytes, 16, errno);
  CHECK_MSG(v.which == which, "%s, with %llu of %llu used, is not %s", verdict_names[v.which],
            (unsigned long long)v.use, (unsigned long long)v.limit, verdict_names[which]);
  return v;
}

static void set_soft(int which, uint64_t value) {
  struct rlimit r;
  getrlimit(which, &r);
  r.rlim_cur = value;
  CHECK(setrlimit(which, &r) == 0);
}

/* Up to the limit, then with what the verdict says would be enough: one more, not two. */
static void refuse_and_mend(int which, enum verdict_limit expected) {
  struct verdict v;
  set_soft(which, 200 * MIB);
  v = refuse(4 * MIB, PROT_READ | PROT_WRITE, expected);
  CHECK(v.limit == 200 * MIB && v.use <= v.limit && v.use + 4 * MIB > v.limit);
  set_soft(which, v.enough);
  CHECK(map(4 * MIB, PROT_READ | PROT_WRITE) != MAP_FAILED);
  CHECK(map(4 * MIB, PROT_READ | PROT_WRITE) == MAP_FAILED);
}

static void real_address_space(void) {
  refuse_and_mend(RLIMIT_AS, VERDICT_ADDRESS_SPACE);
}

static void real_data(void) {
  refuse_and_mend(RLIMIT_DATA, VERDICT_DATA);
}

/* Gives up the right to lock without limit, which root has. */
static void drop_lock_right(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  CHECK(syscall(SYS_capget, &header, sets) == 0);
  sets[0].effective &= ~(1u << CAP_IPC_LOCK);
  CHECK(syscall(SYS_capset, &header, sets) == 0);
}

static void real_locked(void) {
  struct rlimit r = {4 * MIB, 8 * MIB};
  struct verdict v;
  setrlimit(RLIMIT_MEMLOCK, &r);
  drop_lock_right();
  CHECK(mlockall(MCL_FUTURE) == 0);
  v = refuse(64 * KIB, PROT_READ | PROT_WRITE, VERDICT_LOCKED);
  CHECK(limits_locks_future(&facts) && v.limit == 4 * MIB);
  set_soft(RLIMIT_MEMLOCK, v.enough);
  CHECK(map(64 * KIB, PROT_READ | PROT_WRITE) != MAP_FAILED);
}

static void real_mappings(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *p;
  struct verdict v;
  limits_read(&facts);
  p = map((facts.mappings.limit + 10) * page, PROT_NONE);
  CHECK(p != MAP_FAILED);
  for (size_t i = 1; i < facts.mappings.limit && !mprotect(p + i * page, page, PROT_READ);) i += 2;
  while (map(page, PROT_WRITE) != MAP_FAILED && map(page, PROT_READ) != MAP_FAILED) continue;
  v = refuse(4 * MIB, PROT_READ | PROT_WRITE | PROT_EXEC, VERDICT_MAPPINGS);
  CHECK(v.use - v.limit <= 1 && v.enough > v.limit);
}

static void real_user_space(void) {
  refuse((size_t)1 << 44, PROT_NONE, VERDICT_USER_SPACE);
}

static void real_guess(void) {
  struct verdict v;
  limits_read(&facts);
  v = refuse(facts.memory + facts.swap + 64 * MIB, PROT_READ | PROT_WRITE, VERDICT_COMMIT);
  CHECK(v.mode == OVERCOMMIT_GUESS && v.limit == facts.memory + facts.swap);
  CHECK(map(v.limit - 64 * MIB, PROT_READ | PROT_WRITE) != MAP_FAILED);
}

/* One mapping that is refused, so that nobody else is: what it asks for is never granted. */
static void real_commit(void) {
  struct verdict v;
  limits_read(&facts);
  v = refuse(facts.commit.limit - facts.commit.use + 64 * MIB, PROT_READ | PROT_WRITE,
             VERDICT_COMMIT);
  CHECK(v.mode == OVERCOMMIT_NEVER && v.use < v.limit && v.limit == facts.commit.limit);
}

/* Returns false when the machine does not let itself be changed. */
static bool set_overcommit(uint64_t mode) {
  char digit = (char)('0' + mode);
  int fd = open("/proc/sys/vm/overcommit_memory", O_WRONLY);
  bool done = fd >= 0 && write(fd, &digit, 1) == 1;
  if (fd >= 0) close(fd);
  return done;
}

static void provoke(const char *promise, void (*scenario)(void)) {
  test_begin(promise);
  expect_return(scenario);
  test_end();
}

/* It is a setting of the whole machine, so it is changed only on request. */
static void provoke_commit(void) {
  const char *promise = "reached for real: vm.overcommit_memory=2, CommitLimit";
  uint64_t before;
  limits_read(&facts);
  before = facts.overcommit;
  if (before == OVERCOMMIT_NEVER) {
    provoke(promise, real_commit);
    return;
  }
  if (!getenv("HAK_TEST_SYSCTL") || before == LIMITS_UNKNOWN || !set_overcommit(OVERCOMMIT_NEVER)) {
    test_skip(promise, "HAK_TEST_SYSCTL=1 and the right to set it for a moment");
    return;
  }
  test_begin(promise);
  expect_return(real_commit);
  CHECK(set_overcommit(before));
  test_end();
}

static void provoke_all(void) {
  const char *guess = "reached for real: all memory and swap, as vm.overcommit_memory=0 counts";
  const char *mappings = "reached for real: vm.max_map_count";
  provoke("reached for real: RLIMIT_AS, and its mend lets the request pass", real_address_space);
  provoke("reached for real: RLIMIT_DATA, and its mend lets the request pass", real_data);
  provoke("reached for real: RLIMIT_MEMLOCK under mlockall(MCL_FUTURE), and its mend", real_locked);
  provoke("reached for real: the addresses of a process", real_user_space);
  limits_read(&facts);
  if (facts.mappings.limit <= 300000) provoke(mappings, real_mappings);
  else test_skip(mappings, "a vm.max_map_count of at most 300,000");
  if (facts.overcommit == OVERCOMMIT_GUESS) provoke(guess, real_guess);
  else test_skip(guess, "vm.overcommit_memory=0");
  provoke_commit();
}

int main(void) {
  process_limits();
  system_limits();
  own_limits();
  honesty();
  order();
  provoke_all();
  return test_status();
}
