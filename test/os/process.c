/* process - what the system says of this process, against other ways to ask. */
#include "os/process.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "helpers/box.h"

extern char **environ;

static void numbers(void) {
  cpu_set_t one;
  cpu_set_t all;
  test_begin("the page size is sysconf's, the processors are those of the affinity mask");
  CHECK(os_page_size() == (size_t)sysconf(_SC_PAGESIZE));
  sched_getaffinity(0, sizeof all, &all);
  CHECK_MSG(os_processors() == (unsigned)CPU_COUNT(&all), "%u", os_processors());
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
    if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0 && os_processors() == 1);
  sched_setaffinity(0, sizeof all, &all);
  test_end();
}

static void clock_runs(void) {
  struct timespec pause = {0, 20000000};
  uint64_t before = os_nanoseconds();
  uint64_t passed;
  test_begin("the clock is monotonic and in nanoseconds");
  nanosleep(&pause, NULL);
  passed = os_nanoseconds() - before;
  CHECK_MSG(passed >= 20000000 && passed < 5000000000, "%lu for 20 ms", (unsigned long)passed);
  for (int i = 0; i < 10000; i++) {
    uint64_t now = os_nanoseconds();
    CHECK(now >= before);
    before = now;
  }
  test_end();
}

static void *other_id(void *pointer) {
  *(unsigned *)pointer = os_thread_id();
  return NULL;
}

static void names(void) {
  unsigned other = 0;
  pthread_t thread;
  char name[16];
  test_begin("process and thread are known by the kernel's ids and name");
  CHECK(os_process_id() == (unsigned)getpid() && os_thread_id() == (unsigned)getpid());
  pthread_create(&thread, NULL, other_id, &other);
  pthread_join(thread, NULL);
  CHECK_MSG(other != os_thread_id() && other > 0, "the other thread is %u", other);
  prctl(PR_SET_NAME, "fifteen letters and more");
  os_program_name(name);
  CHECK_MSG(!strcmp(name, "fifteen letters"), "'%s'", name);
  test_end();
}

static void residence(void) {
  size_t bytes = (size_t)48 << 20;
  size_t before = os_resident_bytes();
  char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  size_t mapped;
  size_t touched;
  test_begin(
      "resident bytes grow by what is touched and fall by what is given back; the peak stays");
  mapped = os_resident_bytes();
  CHECK_MSG(before > 0 && mapped < before + (4u << 20), "%zu, then %zu", before, mapped);
  memset(p, 1, bytes);
  touched = os_resident_bytes();
  CHECK_MSG(touched > before + bytes - (4u << 20) && touched < before + bytes + (4u << 20),
            "%zu, then %zu", before, touched);
  munmap(p, bytes);
  CHECK(os_resident_bytes() < before + (4u << 20));
  test_end();
}

static void mapped(void) {
  size_t page = os_page_size();
  char *p = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int local = 0;
  test_begin("os_is_mapped tells mapped bytes from unmapped ones");
  CHECK(os_is_mapped(&local) && os_is_mapped((void *)(uintptr_t)mapped) && os_is_mapped(p + page));
  munmap(p + page, page);
  CHECK(os_is_mapped(p + page - 1) && os_is_mapped(p + 2 * page));
  CHECK(!os_is_mapped(p + page) && !os_is_mapped(p + 2 * page - 1));
  CHECK(!os_is_mapped(NULL) && !os_is_mapped((void *)~(uintptr_t)0));
  munmap(p, 3 * page);
  test_end();
}

static void break_heap(void) {
  static char global;
  char *p = sbrk(8192);
  char *apart = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int local;
  test_begin("os_in_break_heap knows what lies between the start of the break and its end");
  CHECK(p != (char *)-1 && os_in_break_heap(p) && os_in_break_heap(p + 8191));
  CHECK(!os_in_break_heap(p + 8192) && !os_in_break_heap((char *)sbrk(0)));
  CHECK(!os_in_break_heap(&local) && !os_in_break_heap(apart) && !os_in_break_heap(NULL));
  CHECK(!os_in_break_heap(&global));
  test_end();
}

static bool has(char **environment, const char *entry) {
  for (; environment && *environment; environment++)
    if (!strcmp(*environment, entry)) return true;
  return false;
}

static void environment(void) {
  char **saved = environ;
  char **found;
  test_begin("the environment is found, also before libc has set environ");
  CHECK(has(os_environment(), "HAK_TEST_WORD=found"));
  environ = NULL;
  found = os_environment();
  environ = saved;
#ifdef __GLIBC__
  CHECK(found == saved && has(found, "HAK_TEST_WORD=found"));
#else
  (void)found;
#endif
  CHECK(!has(os_environment(), "HAK_TEST_WORD=lost"));
  test_end();
  test_begin("a program without privileges is not taken for one that has them");
  CHECK(!os_secure());
  test_end();
}

static void errno_stays(void) {
  char name[16];
  test_begin("no question changes errno");
  errno = 77;
  os_environment();
  os_page_size();
  os_processors();
  os_program_name(name);
  os_resident_bytes();
  os_is_mapped(NULL);
  os_in_break_heap(NULL);
  os_nanoseconds();
  CHECK_MSG(errno == 77, "errno is %d", errno);
  test_end();
}

/* Of a child too, for which the system forgets what its parent said. */
static void barrier(void) {
  int status = -1;
  pid_t pid;
  if (syscall(SYS_membarrier, 0, 0, 0) < 0) {
    test_skip("every thread passes a barrier, of a child too", "membarrier(2)");
    return;
  }
  test_begin("every thread passes a barrier, of a child too");
  errno = EDOM;
  CHECK(os_barrier() && os_barrier());
  pid = fork();
  if (pid == 0) _exit(os_barrier() ? 0 : 1);
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  CHECK(errno == EDOM);
  test_end();
}

int main(int argc, char **argv) {
  /* The kernel's copy of the environment is the one of the exec: run anew with a word in it. */
  if (argc < 2) {
    run_self("with the word", "HAK_TEST_WORD", "found");
    return test_status();
  }
  (void)argv;
  numbers();
  clock_runs();
  names();
  residence();
  mapped();
  break_heap();
  environment();
  errno_stays();
  barrier();
  return test_status();
}
