#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/bits.h"
#include "base/config.h"
#include "base/text.h"

extern char **environ;

/* glibc's loader: where the kernel put argc. Its first calls of malloc come before libc has set
 * environ, and options must be in force from the first call on. */
extern void *__libc_stack_end WEAK;

char **os_environment(void) {
  uintptr_t *stack;
  if (environ) return environ;
  if (!&__libc_stack_end || !__libc_stack_end) return NULL;
  stack = (uintptr_t *)__libc_stack_end;
  return (char **)(stack + 1 + stack[0] + 1); /* argc, argv[argc], NULL */
}

/* The object that fork handlers belong to. Where there are start files, theirs is taken. */
__attribute__((weak, visibility("hidden"))) void *__dso_handle;

/* glibc's pthread_atfork is a stub in each object, from pages of its own, that calls the first. */
#ifdef __GLIBC__
extern int __register_atfork(void (*)(void), void (*)(void), void (*)(void), void *object);
#else
#define __register_atfork(prepare, parent, child, object) pthread_atfork(prepare, parent, child)
#endif

void os_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
  __register_atfork(prepare, parent, child, __dso_handle);
}

/* Absent in a fully static program. */
extern ElfW(Dyn) _DYNAMIC[] __attribute__((weak, visibility("hidden")));

bool os_may_unwind(void) {
  return _DYNAMIC;
}

/* What glibc exports for its own fork. */
extern void _IO_list_lock(void) WEAK;
extern void _IO_list_unlock(void) WEAK;

/* Before glibc 2.32 a child of a process of one thread would inherit it locked. */
void os_streams_lock(void) {
  if (KNOWS_ALONE && _IO_list_lock) _IO_list_lock();
}

void os_streams_unlock(void) {
  if (KNOWS_ALONE && _IO_list_unlock) _IO_list_unlock();
}

/* Reads a small file of /proc whole. Returns false when it is not there. By system calls: libc's
 * open and read are cancellation points, which free must not be. */
static bool read_file(const char *path, char *data, size_t size) {
  int saved = errno;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : syscall(SYS_read, fd, data, size - 1);
  if (fd >= 0) syscall(SYS_close, fd);
  errno = saved;
  data[n > 0 ? n : 0] = 0;
  return n > 0;
}

bool os_secure(void) {
  return getauxval(AT_SECURE) != 0;
}

size_t os_page_size(void) {
  size_t size = getauxval(AT_PAGESZ);
  return size ? size : 4096;
}

static enum huge_pages read_huge_pages_given(void) {
  char data[128];
  if (!read_file("/sys/kernel/mm/transparent_hugepage/enabled", data, sizeof data))
    return HUGE_PAGES_NEVER;
  if (strstr(data, "[madvise]")) return HUGE_PAGES_ASKED;
  return strstr(data, "[always]") ? HUGE_PAGES_ALWAYS : HUGE_PAGES_NEVER;
}

enum huge_pages os_huge_pages_given(void) {
  static unsigned known; /* [any] relaxed: that plus 1, 0 not yet; all find the same */
  if (!ld_rlx(&known)) st_rlx_any(&known, read_huge_pages_given() + 1);
  return ld_rlx(&known) - 1;
}

unsigned os_processors(void) {
  uint64_t set[1024 / 64] = {0};
  int saved = errno;
  unsigned n = 0;
  if (COUNT_SHARED) return COUNT_PROCESSORS;
  if (syscall(SYS_sched_getaffinity, 0, sizeof set, set) > 0)
    for (size_t i = 0; i < sizeof set / sizeof *set; i++) n += bit_count(set[i]);
  errno = saved;
  return n ? n : 1;
}

uint64_t os_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t os_milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

unsigned os_thread_id(void) {
  return (unsigned)syscall(SYS_gettid);
}

unsigned os_process_id(void) {
  return (unsigned)syscall(SYS_getpid);
}

/* The first call of a process is refused: it has to say before that it will make some. As in
 * linux/membarrier.h, which not every libc finds. */
bool os_barrier(void) {
  enum { PRIVATE_EXPEDITED = 8, REGISTER_PRIVATE_EXPEDITED = 16 };
  int saved = errno;
  bool done = false;
  for (int i = 0; i < 2 && !done; i++) {
    done = syscall(SYS_membarrier, PRIVATE_EXPEDITED, 0, 0) == 0;
    if (!done && syscall(SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0, 0)) break;
  }
  errno = saved;
  return done;
}

/* The first of glibc's own signals, which cancels threads. */
enum { SIGNAL_CANCEL = 32 };

bool os_thread_ends(void) {
  uint64_t blocked = 0;
  int saved = errno;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, sizeof blocked);
  errno = saved;
  return blocked >> (SIGNAL_CANCEL - 1) & 1;
}

void os_name_thread(const char *name) {
  syscall(SYS_prctl, PR_SET_NAME, name);
}

void os_program_name(char name[16]) {
  if (!read_file("/proc/self/comm", name, 16)) name[0] = 0;
  name[text_until(name, "\n")] = 0;
}

/* The number after SKIP blanks from P on. */
static uint64_t number_after(const char *p, unsigned skip) {
  uint64_t n = 0;
  for (; *p && skip; p++) skip -= *p == ' ';
  for (; *p >= '0' && *p <= '9'; p++) n = n * 10 + (uint64_t)(*p - '0');
  return n;
}

size_t os_resident_bytes(void) {
  char data[128];
  if (!read_file("/proc/self/statm", data, sizeof data)) return 0;
  return number_after(data, 1) * os_page_size();
}

bool os_is_mapped(const void *p) {
  unsigned char resident;
  size_t page = os_page_size();
  int saved = errno;
  uintptr_t at = (uintptr_t)p & ~(page - 1);
  bool mapped = syscall(SYS_mincore, at, (size_t)1, &resident) == 0 || errno != ENOMEM;
  errno = saved;
  return mapped;
}

static int name_contains(struct dl_phdr_info *info, size_t size, void *name) {
  (void)size;
  const char *p = info->dlpi_name;
  if (!p) return 0;
  while (*p && !text_begins(p, name)) p++;
  return *p != 0;
}

bool os_is_loaded(const char *name) {
  return dl_iterate_phdr(name_contains, (void *)(uintptr_t)name) != 0;
}

struct object_search {
  uintptr_t inside;
  uintptr_t start;
  uintptr_t end;
};

/* Takes the segment that holds the address; the program itself is the object without a name. */
static int find_object_data(struct dl_phdr_info *info, size_t size, void *pointer) {
  struct object_search *search = pointer;
  (void)size;
  if (!info->dlpi_name || !*info->dlpi_name) return 0;
  for (unsigned i = 0; i < info->dlpi_phnum; i++) {
    uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    uintptr_t end = start + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
    if (search->inside < start || search->inside >= end) continue;
    search->start = start;
    search->end = end;
    return 1;
  }
  return 0;
}

bool os_object_data(const void *p, uintptr_t *start, size_t *bytes) {
  struct object_search search = {(uintptr_t)p, 0, 0};
  if (!dl_iterate_phdr(find_object_data, &search)) return false;
  *start = search.start;
  *bytes = search.end - search.start;
  return true;
}

bool os_in_break_heap(const void *p) {
  enum { FIELDS_TO_START = 45 }; /* start_brk is field 47; the name, field 2, ends with ')' */
  char data[1024];
  const char *name_end = data;
  if ((uintptr_t)p >= (uintptr_t)syscall(SYS_brk, 0L)) return false;
  if (!read_file("/proc/self/stat", data, sizeof data)) return true;
  for (const char *c = data; *c; c++)
    if (*c == ')') name_end = c;
  return (uintptr_t)p >= number_after(name_end, FIELDS_TO_START);
}
