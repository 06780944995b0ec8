/* background - a process that idles: its resident memory falls by HAKMEM_BACKGROUND=1 alone; the
 * thread is quiet, forks, and keeps nothing alive. The program runs itself for each scenario. */
#include "api.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>

enum { BLOCKS = 24000, FORKS = 30 };

static const size_t idle_bound = 6 * MIB;

#define REQUIRE(condition)                                            \
  do {                                                                \
    if (condition) break;                                             \
    printf("# background.c:%d: not so: %s\n", __LINE__, #condition); \
    exit(99);                                                         \
  } while (0)

static int tasks(void) {
  DIR *directory = opendir("/proc/self/task");
  int n = 0;
  for (struct dirent *entry; directory && (entry = readdir(directory));)
    n += entry->d_name[0] != '.';
  if (directory) closedir(directory);
  return n;
}

/* Some 65 MiB of blocks of 1 KiB, runs and a mapping, filled and freed again; the mapping alone is
 * more than may stay. */
static void work(void) {
  static void *small[BLOCKS];
  void *run[20];
  void *huge = malloc(opaque(20 * MIB));
  memset(huge, 1, 20 * MIB);
  for (size_t i = 0; i < BLOCKS; i++) memset(small[i] = malloc(opaque(1024)), 1, 1024);
  for (size_t i = 0; i < COUNT_OF(run); i++) memset(run[i] = malloc(opaque(MIB)), 1, MIB);
  for (size_t i = 0; i < BLOCKS; i++) free(small[i]);
  for (size_t i = 0; i < COUNT_OF(run); i++) free(run[i]);
  free(huge);
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Does the resident memory fall to BOUND within MS, while nothing is called? */
static int falls(size_t bound, int64_t ms) {
  int64_t end = now_ms() + ms;
  while (api_resident() > bound) {
    struct timespec pause = {0, 20000000};
    if (now_ms() > end) return 0;
    nanosleep(&pause, NULL);
  }
  return 1;
}

static int idles(void) {
  size_t before = api_resident();
  work();
  REQUIRE(api_resident() > before + 30 * MIB);
  REQUIRE(falls(before + idle_bound, 10000));
  REQUIRE(api_violations() == 0);
  return 0;
}

static void *nothing(void *unused) { return unused; }

/* A fork in a process that had a second thread, before there is anything to do. */
static int idles_after_fork(void) {
  pthread_t thread;
  pid_t child;
  REQUIRE(!pthread_create(&thread, NULL, nothing, NULL));
  pthread_join(thread, NULL);
  child = fork();
  if (child == 0) _exit(0);
  waitpid(child, NULL, 0);
  return idles();
}

/* One block of 16 KiB in eight lives: each slab has one or two. */
static int idles_among_live(void) {
  enum { N = 3000, SIZE = 16000 };
  static char *block[N];
  size_t before = api_resident(), live = N / 8 * (SIZE + 2 * 4096);
  for (size_t i = 0; i < N; i++) api_fill(block[i] = malloc(opaque(SIZE)), SIZE, i);
  for (size_t i = 0; i < N; i++)
    if (i % 8) free(block[i]);
  REQUIRE(api_resident() > before + 30 * MIB);
  REQUIRE(falls(before + live + idle_bound, 10000));
  for (size_t i = 0; i < N; i += 8) REQUIRE(api_intact(block[i], SIZE, SIZE, i));
  REQUIRE(api_violations() == 0);
  return 0;
}

static pthread_barrier_t asleep;

/* More at a time than a magazine holds, so that each becomes as large as it may. */
static void *work_and_sleep(void *unused) {
  void *block[300];
  for (int round = 0; round < 16; round++)
    for (size_t size = 64; size <= 32768; size *= 2) {
      for (size_t i = 0; i < COUNT_OF(block); i++)
        memset(block[i] = malloc(opaque(size)), 1, size);
      for (size_t i = 0; i < COUNT_OF(block); i++) free(block[i]);
    }
  pthread_barrier_wait(&asleep);
  pause();
  return unused;
}

static int idles_with_sleepers(void) {
  enum { N = 4 };
  pthread_t thread[N];
  size_t before = api_resident();
  pthread_barrier_init(&asleep, NULL, N + 1);
  for (int i = 0; i < N; i++) REQUIRE(!pthread_create(&thread[i], NULL, work_and_sleep, NULL));
  pthread_barrier_wait(&asleep);
  REQUIRE(api_resident() > before + 10 * MIB);
  REQUIRE(falls(before + idle_bound / 2, 10000));
  REQUIRE(api_violations() == 0);
  return 0;
}

/* Frees blocks when all that it cached was taken for its age: without a miss, as there is room. */
static void *sleep_and_free(void *unused) {
  static void *block[12][20];
  for (int round = 0; round < 20; round++) {
    void *filler[200];
    for (size_t s = 0; s < COUNT_OF(block); s++) {
      for (size_t i = 0; i < COUNT_OF(filler); i++) filler[i] = malloc(opaque(4000 + 1000 * s));
      for (size_t i = 0; i < COUNT_OF(filler); i++) free(filler[i]);
    }
  }
  for (size_t s = 0; s < COUNT_OF(block); s++)
    for (size_t i = 0; i < COUNT_OF(block[s]); i++)
      memset(block[s][i] = malloc(opaque(4000 + 1000 * s)), 1, 4000 + 1000 * s);
  usleep(2500000);
  for (size_t s = 0; s < COUNT_OF(block); s++)
    for (size_t i = 0; i < COUNT_OF(block[s]); i++) free(block[s][i]);
  pthread_barrier_wait(&asleep);
  pause();
  return unused;
}

static size_t cached(void) {
  struct hak_ledger_figures figures;
  REQUIRE(api_any() || (api_ledger() && api_ledger()(&figures) == 0));
  return api_any() ? 0 : figures.line[HAK_CACHED].bytes;
}

static int idles_again(void) {
  pthread_t thread;
  size_t freed;
  pthread_barrier_init(&asleep, NULL, 2);
  REQUIRE(!pthread_create(&thread, NULL, sleep_and_free, NULL));
  pthread_barrier_wait(&asleep);
  freed = cached();
  REQUIRE(api_any() || freed > MIB);
  free(malloc(opaque(MIB))); /* somebody passes: hits alone wake nobody */
  for (int i = 0; i < 50 && cached() > freed / 4; i++) usleep(100000);
  REQUIRE(cached() <= freed / 4);
  REQUIRE(api_violations() == 0);
  return 0;
}

static int idles_without(void) {
  size_t before = api_resident();
  work();
  REQUIRE(tasks() == 1);
  REQUIRE(!falls(before + 30 * MIB, 1500));
  free(malloc(opaque(MIB))); /* somebody passes */
  free(malloc(opaque(MIB)));
  REQUIRE(api_resident() < before + 60 * MIB);
  return 0;
}

/* A field of the status of the thread that bears hakmem's name. */
static int find_thread(const char *field, char value[64]) {
  DIR *directory = opendir("/proc/self/task");
  int found = 0;
  for (struct dirent *entry; directory && (entry = readdir(directory));) {
    char path[300], line[256];
    int ours = 0;
    FILE *file;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
    file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
      ours |= !strcmp(line, "Name:\thakmem\n");
      if (ours && !strncmp(line, field, strlen(field)))
        found = sscanf(line + strlen(field), " %60s", value) == 1;
    }
    if (file) fclose(file);
  }
  if (directory) closedir(directory);
  return found;
}

static int is_quiet(void) {
  char value[64] = "";
  free(malloc(1));
  REQUIRE(tasks() == 1); /* not before there is something to do */
  work();
  for (int i = 0; i < 200 && !find_thread("SigBlk:", value); i++) usleep(5000);
  REQUIRE(tasks() == 2 && find_thread("SigBlk:", value));
  REQUIRE(strtoull(value, NULL, 16) % 0x80000000 >= 0x7ffbfeff); /* but for KILL and STOP */
  return 0;
}

static void child_of_many(void) {
  REQUIRE(tasks() == 1);
  work();
  REQUIRE(api_violations() == 0);
  REQUIRE(tasks() == 2); /* its own */
}

static int forks(void) {
  size_t before = api_resident();
  int status;
  work();
  for (int i = 0; i < FORKS; i++) {
    pid_t child = fork();
    if (child == 0) {
      child_of_many();
      _exit(0);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    if (i % 10 == 0) work();
  }
  if (fork() == 0) {
    work();
    _exit(!falls(before + idle_bound, 10000));
  }
  REQUIRE(wait(&status) > 0 && status == 0);
  REQUIRE(api_violations() == 0);
  return 0;
}

/* 2.2 MB, which is too little for a thread of its own. */
static void take_some(void) {
  for (int i = 0; i < 22; i++) memset(opaque_ptr(malloc(100000)), 1, 100000);
}

/* It forks while it has one thread. */
static int forks_alone(void) {
  int status;
  take_some();
  REQUIRE(tasks() == 1);
  if (fork() == 0) {
    take_some();
    for (int i = 0; i < 300; i++) opaque_ptr(malloc(opaque(40)));
    _exit(tasks() != 1);
  }
  REQUIRE(wait(&status) > 0 && status == 0);
  return 0;
}

static int executes(void) {
  work();
  execl("/proc/self/exe", "background", "idles", (char *)NULL);
  return 1;
}

static int main_ends_first(void) {
  work();
  REQUIRE(tasks() == 2);
  pthread_exit(NULL); /* the process ends with its last thread, with status 0 */
}

static const struct {
  const char *name, *background, *promise;
  int (*run)(void);
} scenarios[] = {
    {"idles", "1", "HAKMEM_BACKGROUND=1: an idle process falls to near its live memory", idles},
    {"forked", "1", "and so it does that has forked before", idles_after_fork},
    {"among", "1", "and so it does where no slab is all free, by the free pages of slabs",
     idles_among_live},
    {"sleepers", "1", "and with threads that sleep, by what these cache", idles_with_sleepers},
    {"again", "1", "also what they free later, by hits alone, once somebody passes", idles_again},
    {"without", "0", "without, it stays, until somebody calls", idles_without},
    {"quiet", "1", "the thread starts when there is something to do, all signals blocked",
     is_quiet},
    {"forks_alone", "1", "a child needs one of its own no sooner than any process", forks_alone},
    {"forks", "1", "forked children are whole, and have a thread of their own when they need one",
     forks},
    {"executes", "1", "a program that is executed anew starts again", executes},
    {"ends", "1", "main may end by pthread_exit: the process ends", main_ends_first},
};

/* A process whose last thread blocks all signals ends by SIGKILL alone. */
static int wait_for(pid_t child) {
  int64_t end = now_ms() + 60000;
  int status = -1;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (now_ms() > end) kill(child, SIGKILL);
    usleep(5000);
  }
  return status;
}

static void run(size_t i) {
  pid_t child;
  int status;
  test_begin(scenarios[i].promise);
  child = fork();
  if (child == 0) {
    setenv("HAKMEM_BACKGROUND", scenarios[i].background, 1);
    setenv("HAKMEM_DECAY_MS", "500", 1);
    setenv("HAKMEM_RETAIN", "1G", 1);
    execl("/proc/self/exe", "background", scenarios[i].name, (char *)NULL);
    _exit(127);
  }
  CHECK(child > 0);
  status = wait_for(child);
  CHECK_MSG(status == 0, "status %#x", (unsigned)status);
  test_end();
}

int main(int argc, char **argv) {
  alarm(300);
  for (size_t i = 0; argc > 1 && i < COUNT_OF(scenarios); i++)
    if (!strcmp(argv[1], scenarios[i].name)) return scenarios[i].run();
  api_served();
  for (size_t i = 0; i < COUNT_OF(scenarios); i++) run(i);
  return api_close();
}
