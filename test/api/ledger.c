/* ledger - hak_ledger's lines add up to what the kernel counts, and each holds what it says.
 *
 * Each heap is built in a child of its own; the kernel's figure is the Rss of smaps_rollup, read
 * before and after. With HAK_TEST_LONG=1 the heap of small blocks is 1 GiB instead of 128 MiB.
 */
#include "parts/draw.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#pragma weak hak_ledger_print
#pragma weak hak_stats_print

static uint64_t metadata(void) {
  uint64_t sum = 0;
  for (int i = HAK_META_DESCRIPTORS; i <= HAK_META_CHECKS; i++) sum += resident_of(i);
  return sum;
}

static void small_blocks(void) {
  size_t live, tails, held = MANY / 4 * 3;
  draw();
  tails = bytes_of(HAK_SLAB_TAILS);
  live = bytes_of(HAK_LIVE_SLABS);
  allocate(MANY, 100, 100); /* of class 112 */
  draw();
  NEAR(bytes_of(HAK_LIVE_SLABS), live + (size_t)MANY * 112, 4 * KIB);
  CHILD_CHECK(class_of(100)->size == 112 && class_of(100)->live >= MANY);
  NEAR(bytes_of(HAK_SLAB_TAILS), tails + class_of(100)->slabs * (65536 % 112), KIB);
  release(MANY, 4);
  draw();
  NEAR(bytes_of(HAK_LIVE_SLABS), live + held * 112, 4 * KIB);
  NEAR(resident_of(HAK_LIVE_SLABS), live + held * 112, 64 * KIB);
  NEAR(class_of(100)->live, held, 20);
  NEAR(class_of(100)->resident, held * 112, 64 * KIB);
  NEAR(class_of(100)->free + class_of(100)->cached, (size_t)MANY / 4, 1000);
  NEAR(resident_of(HAK_FREE_BLOCKS) + resident_of(HAK_CACHED), (size_t)MANY / 4 * 112, 500 * KIB);
  CHILD_CHECK(bytes_of(HAK_CACHED) == 0 || class_of(100)->cached > 0);
}

/* Each block's pages are touched in part: the rest is not resident, and is not counted as such. */
static void large_blocks(void) {
  malloc_trim(0); /* what the first promise left */
  allocate(20, MIB, 200 * KIB);
  draw();
  CHILD_CHECK(bytes_of(HAK_LIVE_RUNS) == 20 * MIB);
  NEAR(resident_of(HAK_LIVE_RUNS), 20 * 200 * KIB, 20 * 4 * KIB);
  allocate(5, 10 * MIB, 3 * MIB);
  draw();
  CHILD_CHECK(bytes_of(HAK_LIVE_HUGE) == 50 * MIB);
  NEAR(resident_of(HAK_LIVE_HUGE), 15 * MIB, 64 * KIB);
  CHILD_CHECK(ledger.not_resident >= 50 * MIB);
  free(blocks[0]);
  draw();
  CHILD_CHECK(bytes_of(HAK_RETAINED_HUGE) == 10 * MIB && bytes_of(HAK_LIVE_HUGE) == 40 * MIB);
  NEAR(resident_of(HAK_RETAINED_HUGE), 3 * MIB, 16 * KIB);
}

static void retained_units(void) {
  allocate(10, MIB, MIB);
  release(10, 1);
  draw();
  NEAR(bytes_of(HAK_RETAINED_UNITS), 10 * MIB, MIB);
  NEAR(resident_of(HAK_RETAINED_UNITS), 10 * MIB, MIB);
  malloc_trim(0);
  draw();
  CHILD_CHECK(bytes_of(HAK_RETAINED_UNITS) == 0);
}

/* Reads the 100 MiB at P. Returns what the process grew by: nothing, unless the kernel gives who
 * only reads pages of its own. */
static size_t read_zeros(const char *p) {
  size_t before = api_resident();
  volatile char seen = 0;
  for (size_t i = 0; i < 100 * MIB; i += 4 * KIB) seen += p[i];
  return api_resident() - before;
}

/* calloc's fresh pages of zeros, read and never written: resident where the kernel counts them. */
static void zeros(void) {
  size_t grown = read_zeros(opaque_ptr(calloc(1, opaque(100 * MIB))));
  allocate(2000, 1000, 1000);
  draw();
  NEAR(bytes_of(HAK_LIVE_HUGE), 100 * MIB, 4 * KIB);
  NEAR(resident_of(HAK_LIVE_HUGE), grown, MIB);
}

/* The same in huge pages. They look like pages of files, which are: such as those that
 * the program itself maps over its block, and shares with a child. */
static void huge_zeros(void) {
  char *p = opaque_ptr(calloc(1, opaque(100 * MIB)));
  char *over = p + (-(uintptr_t)p & (4 * KIB - 1));
  size_t grown;
  pid_t child;
  madvise(over, 99 * MIB, MADV_HUGEPAGE);
  grown = read_zeros(p);
  draw();
  NEAR(resident_of(HAK_LIVE_HUGE), grown, MIB);
  CHILD_CHECK(mmap(over, 10 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
                   -1, 0) == over);
  memset(over, 1, 10 * MIB);
  child = fork();
  if (child == 0) {
    memset(over, 2, 10 * MIB);
    raise(SIGSTOP);
    _exit(0);
  }
  waitpid(child, NULL, WUNTRACED);
  draw();
  grown = grown > MIB ? grown - 10 * MIB : 0; /* of these, 90 stay */
  NEAR(resident_of(HAK_LIVE_HUGE), grown + 10 * MIB, grown ? MIB : 128 * KIB);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

/* The kernel makes one mapping of neighbours: part of it is then hakmem's, part not. */
static void neighbours(void) {
  size_t before;
  draw();
  before = bytes_of(HAK_NOT_OURS);
  for (size_t i = 0; i < 5; i++) {
    void *p = mmap(NULL, 5 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHILD_CHECK(p != MAP_FAILED);
    memset(p, 1, 2 * MIB);
    allocate(1, 4 * MIB, 4 * MIB);
  }
  draw();
  NEAR(bytes_of(HAK_NOT_OURS), before + 10 * MIB, MIB); /* and pages of libc, touched since */
}

static size_t apart(size_t a, size_t b) {
  return a > b ? a - b : b - a;
}

/* In a forked child, which shares its parent's pages, they are resident all the same. Its program's
 * pages come as they are used: VmRSS grows while the ledger is drawn up for the first time. Where
 * the kernel keeps it per processor it is not exact. */
static void in_grandchild(void) {
  int exact;
  CHILD_CHECK(hak_ledger(&ledger) == 0);
  (void)apart(api_resident(), kernel_resident()); /* what they use themselves is resident now */
  exact = apart(api_resident(), kernel_resident()) < 16 * KIB;
  snprintf(api_note, 512, "first, the ledger's sum is %llu, its VmRSS %llu",
           (unsigned long long)ledger.resident, (unsigned long long)ledger.kernel_resident);
  if (exact && apart(ledger.resident, ledger.kernel_resident) > ledger.kernel_resident / 100)
    _exit(99);
  draw();
  CHILD_CHECK(resident_of(HAK_LIVE_SLABS) > 900000);
}

static void forked(void) {
  pid_t child;
  allocate(1000, 1000, 1000);
  child = fork();
  if (child == 0) {
    in_grandchild();
    _exit(0);
  }
  api_child_join(child);
  CHILD_CHECK(!test_bad);
}

/* --- threads: what they cache, and what they have to return to others --- */

static pthread_barrier_t barrier;

static void *sleeper(void *argument) {
  void *own[100];
  for (size_t i = 0; i < 100; i++) own[i] = opaque_ptr(malloc(opaque(500)));
  for (size_t i = 0; i < 100; i++) free(own[i]); /* some stay in this thread's magazine */
  for (size_t i = 0; i < 50; i++) free(((void **)argument)[i]); /* of the main thread: outbox */
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  return NULL;
}

static void caches(void) {
  enum { THREADS = 8 };
  pthread_t threads[THREADS];
  size_t live;
  allocate(THREADS * 50, 1008, 1008); /* of class 1,024 */
  draw();
  live = class_of(1008)->live;
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (size_t i = 0; i < THREADS; i++)
    CHILD_CHECK(pthread_create(&threads[i], NULL, sleeper, blocks + 50 * i) == 0);
  pthread_barrier_wait(&barrier);
  draw();
  CHILD_CHECK(class_of(1008)->outbox == THREADS * 50);
  NEAR(class_of(1008)->live, live - THREADS * 50, 3);
  CHILD_CHECK(bytes_of(HAK_OUTBOXES) == THREADS * 50 * 1024);
  CHILD_CHECK(resident_of(HAK_OUTBOXES) >= THREADS * 49 * 1024);
  CHILD_CHECK(class_of(500)->cached >= THREADS * 4 && class_of(500)->live < THREADS);
  pthread_barrier_wait(&barrier);
  for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  draw();
  CHILD_CHECK(bytes_of(HAK_OUTBOXES) == 0);
}

/* --- cost --- */

static void little_metadata(void) {
  const char *is_long = getenv("HAK_TEST_LONG");
  size_t heap = is_long && *is_long == '1' ? 1024 * MIB : 128 * MIB;
  for (size_t i = 0; i < heap / 64; i++) memset(opaque_ptr(malloc(opaque(64))), 1, 64);
  draw();
  snprintf(api_note, 512, "%llu bytes of metadata for %llu live", (unsigned long long)metadata(),
           (unsigned long long)resident_of(HAK_LIVE_SLABS));
  if (resident_of(HAK_LIVE_SLABS) < heap) _exit(99);
  if (metadata() * 1000 > resident_of(HAK_LIVE_SLABS) * 15) _exit(99);
}

static void leaves_nothing(void) {
  size_t before;
  draw();
  before = kernel_resident();
  for (int i = 0; i < 50; i++) draw();
  CHILD_CHECK(kernel_resident() <= before + 64 * KIB);
}

/* Without descriptors for /proc the answers are mincore's. */
static void no_proc(void) {
  struct rlimit none = {0, 0};
  allocate(2000, 10000, 10000);
  setrlimit(RLIMIT_NOFILE, &none);
  errno = 4711;
  CHILD_CHECK(hak_ledger(&ledger) == 0 && errno == 4711 && ledger.source == 0);
  NEAR(resident_of(HAK_LIVE_SLABS), (size_t)2000 * 10240, 2000 * 512);
}

/* Root becomes somebody else; in a user namespace of its own there may be nobody else. */
static int give_rights_up(void) {
  return getuid() != 0 || setuid(65534) == 0;
}

static int can_give_rights_up(void) {
  int status = -1;
  pid_t child = fork();
  if (child == 0) _exit(give_rights_up() ? 0 : 1);
  waitpid(child, &status, 0);
  return status == 0;
}

/* Of a program that gave its rights up the kernel shows the map to all, the pages only to root. */
static void no_pages(void) {
  allocate(2000, 2000, 2000); /* few: mincore takes pages of zeros for resident */
  CHILD_CHECK(give_rights_up());
  prctl(PR_SET_DUMPABLE, 0);
  CHILD_CHECK(open("/proc/self/pagemap", O_RDONLY) < 0);
  CHILD_CHECK(open("/proc/self/smaps", O_RDONLY) >= 0);
  draw();
  CHILD_CHECK(ledger.source == 0);
  NEAR(resident_of(HAK_LIVE_SLABS), (size_t)2000 * 2048, 2000 * 100);
}

static void refused(void) {
  struct rlimit limit;
  limit.rlim_cur = limit.rlim_max = 1;
  hak_ledger(&ledger);
  setrlimit(RLIMIT_AS, &limit);
  errno = 0;
  CHILD_CHECK(hak_ledger(&ledger) == -1 && errno == ENOMEM);
  errno = 0;
  CHILD_CHECK(hak_ledger_print(1, (enum hak_ledger_format)7) == -1 && errno == EINVAL);
  errno = 0;
  CHILD_CHECK(hak_ledger_print(-1, HAK_LEDGER_TEXT) == -1 && errno == EBADF);
  errno = 0;
  CHILD_CHECK(hak_stats_print(-1) == -1 && errno == EBADF);
}

int main(void) {
  static const struct {
    const char *name;
    void (*scenario)(void);
  } scenarios[] = {
      {"400,000 blocks of 100 bytes, a quarter freed: live, free and cached", small_blocks},
      {"runs and huge mappings, touched in part, and a cached one", large_blocks},
      {"retained units, before and after malloc_trim", retained_units},
      {"100 MiB of zeros that were only read", zeros},
      {"zeros in huge pages, and shared pages among them", huge_zeros},
      {"mappings of others between hakmem's", neighbours},
      {"a forked child's inherited pages", forked},
      {"eight threads' magazines and outboxes", caches},
      {"metadata is at most 1.5 % of a heap of 64-byte blocks", little_metadata},
      {"drawing it up 50 times leaves nothing behind", leaves_nothing},
  };
  char name[200];
  api_served();
  if (!hak_ledger) {
    test_skip("the ledger", "a malloc that has one");
    return api_close();
  }
  for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
    snprintf(name, sizeof name, "%s; the ledger's sum is Rss within 1 %%", scenarios[i].name);
    test_begin(name);
    api_child(scenarios[i].scenario, 120);
    test_end();
  }
  test_begin("where /proc is not to be read the ledger says so, and counts what is hakmem's");
  api_child(no_proc, 60);
  test_end();
  snprintf(name, sizeof name, "%s",
           "where pages are not to be read the ledger says so, and its sum is Rss within 1 %");
  if (can_give_rights_up()) {
    test_begin(name);
    api_child(no_pages, 60);
    test_end();
  } else {
    test_skip(name, "another user that root may become");
  }
  test_begin("refused memory is ENOMEM, an unknown format EINVAL");
  api_child(refused, 60);
  test_end();
  return api_close();
}
