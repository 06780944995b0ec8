/* limits - recorded files of other machines, read from a directory that stands for theirs; then
 * this process, of which each fact is changed by a known amount. */
#include "os/limits.h"

#include <errno.h>

#include "helpers/machine.h"

static struct limits_facts facts;

/* --- recorded machines --- */

/* The files of one cgroup, version 2. */
static void put_group(const char *directory, const char *max, const char *current,
                      const char *events) {
  char path[600];
  snprintf(path, sizeof path, "%s/memory.max", directory);
  put(path, max);
  snprintf(path, sizeof path, "%s/memory.current", directory);
  put(path, current);
  snprintf(path, sizeof path, "%s/memory.events", directory);
  put(path, events);
}

static void read_machine(void) {
  memset(&facts, 0, sizeof facts);
  limits_read_below(root, &facts);
}

#define CHECK_FACT(fact, expected)                                                          \
  CHECK_MSG((fact) == (uint64_t)(expected), "%s:%d: %s is %llu, not %llu", __FILE__, __LINE__, \
            #fact, (unsigned long long)(fact), (unsigned long long)(expected))

static void process_files(void) {
  machine_start("sizes, mappings and commit are read as a machine's files give them");
  put("/proc/self/status",
      "Name:\tVmSize:\nUmask:\t0022\nGroups:\t4 24 27 30 \nVmPeak:\t   99000 kB\nVmSize:\t   12345 "
      "kB\nVmLck:\t      64 kB\nVmPin:\t       7 kB\nVmRSS:\t    5120 kB\nVmData:\t    2048 "
      "kB\nThreads:\t1\n");
  put("/proc/self/maps",
      "55d0c8a4b000-55d0c8a4d000 r--p 00000000 08:01 131 /usr/bin/cat\n"
      "7ffd5a9e6000-7ffd5aa07000 rw-p 00000000 00:00 0 [stack]\n"
      "7ffd5abd2000-7ffd5abd6000 r--p 00000000 00:00 0 [vvar]\n"
      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n");
  put("/proc/sys/vm/max_map_count", "65530\n");
  put("/proc/sys/vm/overcommit_memory", "2\n");
  put("/proc/sys/vm/admin_reserve_kbytes", "8192\n");
  put("/proc/sys/vm/user_reserve_kbytes", "131072\n");
  put("/proc/meminfo",
      "MemTotal:       16303412 kB\nMemFree:          201044 kB\nSwapTotal:       2097148 kB\n"
      "CommitLimit:    10248852 kB\nCommitted_AS:    9148316 kB\nVmallocTotal:   34359738367 kB\n");
  read_machine();
  CHECK_FACT(facts.address_space.use, 12345 * KIB);
  CHECK_FACT(facts.user_space.use, 12345 * KIB);
  CHECK_FACT(facts.data.use, 2048 * KIB);
  CHECK_FACT(facts.locked.use, 64 * KIB);
  CHECK(limits_locks_future(&facts));
  CHECK_FACT(facts.mappings.use, 3);
  CHECK_FACT(facts.mappings.limit, 65530);
  CHECK_FACT(facts.overcommit, OVERCOMMIT_NEVER);
  CHECK_FACT(facts.commit_reserve, 8 * MIB + 12345 * KIB / 32);
  CHECK_FACT(facts.memory, 16303412 * KIB);
  CHECK_FACT(facts.swap, 2097148 * KIB);
  CHECK_FACT(facts.commit.limit, 10248852 * KIB);
  CHECK_FACT(facts.commit.use, 9148316 * KIB);
  CHECK_FACT(facts.cgroup.limit, LIMITS_UNKNOWN);
  machine_end();
}

/* The first lines of status and maps may be longer than any buffer. */
static void long_lines(void) {
  static char status[40000] = "Groups:\t";
  size_t n = strlen(status);
  machine_start("a line of any length, such as 7,000 groups, hides nothing behind it");
  for (int i = 0; i < 7000; i++) n += (size_t)sprintf(status + n, "%d ", 1000 + i % 9000);
  sprintf(status + n, "\nVmSize:\t 77 kB\nVmData:\t 33 kB\nVmLck:\t 0 kB");
  put("/proc/self/status", status);
  memset(status, 'x', 6000);
  strcpy(status + 6000, "\n7f00-7f01 r--p\n");
  put("/proc/self/maps", status);
  read_machine();
  CHECK_FACT(facts.address_space.use, 77 * KIB);
  CHECK_FACT(facts.data.use, 33 * KIB);
  CHECK_FACT(facts.locked.use, 0);
  CHECK(!limits_locks_future(&facts));
  CHECK_FACT(facts.mappings.use, 2);
  machine_end();
}

/* --- cgroups --- */

static void check_group(uint64_t use, uint64_t limit, uint64_t hits, uint64_t ooms,
                        const char *file) {
  read_machine();
  CHECK_FACT(facts.cgroup.use, use);
  CHECK_FACT(facts.cgroup.limit, limit);
  CHECK_FACT(facts.cgroup_hits, hits);
  CHECK_FACT(facts.cgroup_ooms, ooms);
  CHECK_MSG(!strcmp(facts.cgroup_file, file), "'%s' is not '%s'", facts.cgroup_file, file);
}

static void check_no_group(void) {
  check_group(LIMITS_UNKNOWN, LIMITS_UNKNOWN, LIMITS_UNKNOWN, LIMITS_UNKNOWN, "");
}

static const char calm[] = "low 0\nhigh 5\nmax 0\noom 0\noom_kill 0\n";
static const char pressed[] = "low 0\nhigh 0\nmax 31\noom 2\noom_kill 1\n";

static void version_2(void) {
  machine_start("version 2: a group's own limit and use, and how often it was reached");
  put("/proc/self/cgroup", "0::/system.slice/db.service\n");
  put_group("/sys/fs/cgroup/system.slice/db.service", "104857600\n", "104853504\n", pressed);
  put_group("/sys/fs/cgroup/system.slice", "max\n", "900000000\n", calm);
  check_group(104853504, 104857600, 31, 2, "/sys/fs/cgroup/system.slice/db.service/memory.max");
  machine_end();
  machine_start("version 2: of nested groups the one with the least room left counts");
  put("/proc/self/cgroup", "0::/user.slice/user-7.slice/job/step\n");
  put_group("/sys/fs/cgroup/user.slice/user-7.slice/job/step", "1000000\n", "100000\n", calm);
  put_group("/sys/fs/cgroup/user.slice/user-7.slice/job", "max\n", "100000\n", calm);
  put_group("/sys/fs/cgroup/user.slice/user-7.slice", "2000000\n", "1990000\n", pressed);
  put_group("/sys/fs/cgroup/user.slice", "5000000\n", "2000000\n", calm);
  check_group(1990000, 2000000, 31, 2, "/sys/fs/cgroup/user.slice/user-7.slice/memory.max");
  put_group("/sys/fs/cgroup/user.slice", "5000000\n", "5100000\n", calm); /* was lowered */
  check_group(5100000, 5000000, 0, 0, "/sys/fs/cgroup/user.slice/memory.max");
  machine_end();
}

static void version_2_open(void) {
  machine_start("version 2: 'max' everywhere is no limit");
  put("/proc/self/cgroup", "0::/a/b\n");
  put_group("/sys/fs/cgroup/a/b", "max\n", "4096\n", calm);
  put_group("/sys/fs/cgroup/a", "max\n", "8192\n", calm);
  check_group(4096, LIMITS_NONE, 0, 0, "/sys/fs/cgroup/a/b/memory.max");
  machine_end();
  machine_start("version 2: at the root of all groups there is no limit");
  put("/proc/self/cgroup", "0::/\n");
  put("/sys/fs/cgroup/cgroup.procs", "1\n");
  check_group(LIMITS_UNKNOWN, LIMITS_NONE, LIMITS_UNKNOWN, LIMITS_UNKNOWN, "");
  machine_end();
  machine_start("version 2: a namespace's top without a limit of its own leaves the limit unknown");
  put("/proc/self/cgroup", "0::/\n");
  put("/sys/fs/cgroup/cgroup.procs", "1\n");
  put("/sys/fs/cgroup/cgroup.type", "domain\n");
  check_no_group();
  put_group("/sys/fs/cgroup", "300000\n", "1000\n", calm);
  check_group(1000, 300000, 0, 0, "/sys/fs/cgroup/memory.max");
  put("/proc/self/cgroup", "0::/../../elsewhere\n");
  put_group("/sys/elsewhere", "1000\n", "1000\n", pressed);
  check_group(1000, 300000, 0, 0, "/sys/fs/cgroup/memory.max");
  machine_end();
}

#define GROUP_1 "/sys/fs/cgroup/memory/docker/ab12"

static void version_1(void) {
  machine_start("version 1: the memory controller's tree is read, also beside one of version 2");
  put("/proc/self/cgroup",
      "12:cpu,cpuacct:/docker/ab12\n4:memory:/docker/ab12\n1:name=memory:/wrong\n0::/other\n");
  put(GROUP_1 "/memory.limit_in_bytes", "268435456\n");
  put(GROUP_1 "/memory.usage_in_bytes", "268400000\n");
  put(GROUP_1 "/memory.failcnt", "17\n");
  put(GROUP_1 "/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "900000000000\n");
  put_group("/sys/fs/cgroup/other", "5000\n", "4999\n", pressed);
  check_group(268400000, 268435456, 17, 3, GROUP_1 "/memory.limit_in_bytes");
  put(GROUP_1 "/memory.limit_in_bytes", "9223372036854710272\n"); /* pages of 64 KiB */
  check_group(268400000, LIMITS_NONE, 17, 3, GROUP_1 "/memory.limit_in_bytes");
  machine_end();
  machine_start("version 1: a container that sees its group as the top finds its limit there");
  put("/proc/self/cgroup", "7:hugetlb,memory,pids:/docker/cd34\n");
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
  put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
  put("/sys/fs/cgroup/memory/memory.failcnt", "0\n");
  check_group(1000, 1073741824, 0, LIMITS_UNKNOWN, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
  machine_end();
}

static void hybrid(void) {
  char group[700];
  machine_start("a tree of version 2 mounted below 'unified' is found");
  put("/proc/self/cgroup", "9:pids:/x\n0::/job\n");
  put_group("/sys/fs/cgroup/unified/job", "700000\n", "600000\n", calm);
  check_group(600000, 700000, 0, 0, "/sys/fs/cgroup/unified/job/memory.max");
  machine_end();
  machine_start("a group whose path is too long is unknown, not another group");
  strcpy(group, "0::/");
  memset(group + 4, 'g', 600);
  strcpy(group + 604, "\n");
  put("/proc/self/cgroup", group);
  put_group("/sys/fs/cgroup", "700000\n", "600000\n", calm);
  check_no_group();
  memcpy(group, "5:memory", 8);
  memset(group + 8, ',', 96);
  memcpy(group + 104, ":/", 2);
  put("/proc/self/cgroup", group);
  put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
  check_no_group();
  machine_end();
}

/* --- what is missing or damaged --- */

static void check_unknown(void) {
  const uint64_t all[] = {facts.mappings.use,      facts.mappings.limit, facts.address_space.use,
                          facts.user_space.use,    facts.data.use,       facts.locked.use,
                          facts.commit.use,        facts.commit.limit,   facts.cgroup.use,
                          facts.cgroup.limit,      facts.overcommit,     facts.commit_reserve,
                          facts.memory,            facts.swap,           facts.cgroup_hits,
                          facts.cgroup_ooms};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    CHECK_MSG(all[i] == LIMITS_UNKNOWN, "fact %zu is %llu", i, (unsigned long long)all[i]);
  CHECK(facts.cgroup_file[0] == 0 && facts.page == (uint64_t)sysconf(_SC_PAGESIZE));
}

static void missing(void) {
  int before;
  machine_start("facts without their files are unknown; errno stays, and no descriptor is left");
  before = dup(0); /* the lowest free descriptor */
  close(before);
  errno = EXDEV;
  read_machine();
  CHECK(errno == EXDEV);
  check_unknown();
  limits_read(&facts);
  CHECK(errno == EXDEV);
  CHECK(dup(0) == before);
  close(before);
  machine_end();
}

static void damaged(void) {
  static const char *const paths[] = {"/proc/self/status", "/proc/self/maps",
                                      "/proc/self/cgroup", "/proc/meminfo",
                                      "/sys/fs/cgroup/memory.max"};
  static const char letters[] = "0:/.,\n mexory9VmSize:\tkB-";
  unsigned char text[1500];
  uint64_t state = 1;
  machine_start("damaged files neither crash nor yield a number that they do not hold");
  for (int round = 0; round < 300; round++) {
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
      for (size_t j = 0; j < sizeof text; j++)
        text[j] = round % 2 ? (unsigned char)random_next(&state)
                            : (unsigned char)letters[random_below(&state, sizeof letters)];
      put_bytes(paths[i], text, random_below(&state, sizeof text));
    }
    read_machine();
  }
  put("/proc/self/status",
      "VmSize:\nVmData:\t-5 kB\nVmLck:\t18446744073709551621 kB\nVmLck: 1\n");
  put("/proc/sys/vm/max_map_count", "");
  read_machine();
  CHECK_FACT(facts.address_space.use, LIMITS_UNKNOWN);
  CHECK_FACT(facts.data.use, LIMITS_UNKNOWN);
  CHECK_FACT(facts.locked.use, LIMITS_NONE);
  CHECK_FACT(facts.mappings.limit, LIMITS_UNKNOWN);
  machine_end();
}

/* --- this process --- */

static void changes(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  struct limits_facts before;
  char *p;
  limits_read(&before);
  p = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED && mlock(p, 4 * page) == 0);
  for (size_t i = 1; i < 200; i += 2) mprotect(p + (8 + i) * page, page, PROT_NONE);
  limits_read(&facts);
  CHECK_FACT(facts.address_space.use, before.address_space.use + 64 * MIB);
  CHECK_FACT(facts.user_space.use, facts.address_space.use);
  CHECK_FACT(facts.data.use, before.data.use + 64 * MIB - 100 * page);
  CHECK_FACT(facts.locked.use, before.locked.use + 4 * page);
  CHECK_MSG(facts.mappings.use - before.mappings.use - 201 <= 1, "%llu mappings became %llu",
            (unsigned long long)before.mappings.use, (unsigned long long)facts.mappings.use);
  CHECK(facts.user_space.limit > (uintptr_t)&page && facts.user_space.limit / 4 < (uintptr_t)&page);
}

static void resource_limits(void) {
  struct rlimit as = {3 * GIB, RLIM_INFINITY};
  struct rlimit data = {0, 5 * GIB};
  struct rlimit locked = {65536, 65536};
  limits_read(&facts);
  setrlimit(RLIMIT_AS, &as);
  setrlimit(RLIMIT_MEMLOCK, &locked);
  setrlimit(RLIMIT_DATA, &data);
  limits_read(&facts);
  CHECK_FACT(facts.address_space.limit, 3 * GIB);
  CHECK_FACT(facts.locked.limit, 65536);
  CHECK_FACT(facts.data.limit, 5 * GIB); /* a soft limit of 0 does not bind */
  data.rlim_cur = 2 * GIB;
  setrlimit(RLIMIT_DATA, &data);
  limits_read(&facts);
  CHECK_FACT(facts.data.limit, 2 * GIB);
}

static void no_descriptors(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_NOFILE, &none);
  limits_read(&facts);
  check_unknown();
  CHECK(facts.address_space.limit != LIMITS_UNKNOWN);
}

static void *read_cancelled(void *done) {
  pthread_cancel(pthread_self());
  limits_read(&facts);
  *(bool *)done = true;
  pthread_testcancel();
  return NULL;
}

static void cancelled(void) {
  pthread_t thread;
  bool done = false;
  pthread_create(&thread, NULL, read_cancelled, &done);
  pthread_join(thread, NULL);
  CHECK(done);
}

static void in_child(const char *promise, void (*scenario)(void)) {
  test_begin(promise);
  expect_return(scenario);
  test_end();
}

static void own_group(void) {
  const char *name = "the limit of this machine's cgroup is the one that its file holds";
  unsigned long long value = 0;
  FILE *file;
  limits_read(&facts);
  if (!facts.cgroup_file[0] || !(file = fopen(facts.cgroup_file, "r"))) {
    test_skip(name, "a cgroup of memory that can be read");
    return;
  }
  test_begin(name);
  if (fscanf(file, "%llu", &value) != 1 || value > INT64_MAX - MIB) value = LIMITS_NONE;
  fclose(file);
  CHECK_FACT(facts.cgroup.limit, value);
  CHECK(facts.cgroup.use != LIMITS_UNKNOWN && facts.cgroup.use > 0);
  test_end();
}

int main(void) {
  process_files();
  long_lines();
  version_2();
  version_2_open();
  version_1();
  hybrid();
  missing();
  damaged();
  in_child("what this process maps, locks and splits shows up in its facts, to the byte", changes);
  in_child("resource limits are the soft ones in force", resource_limits);
  in_child("without a free descriptor only what needs no file is known", no_descriptors);
  in_child("a pending cancellation does not end the thread while it reads", cancelled);
  own_group();
  return test_status();
}
