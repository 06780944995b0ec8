#include "front/start.h"

#include <pthread.h>

#include "ace/plan.h"
#include "base/atomic.h"
#include "base/lock.h"
#include "base/text.h"
#include "diag/option.h"
#include "front/thread.h"
#include "os/limits.h"
#include "os/process.h"

enum { NOT_STARTED, STARTED };

static struct lock start_lock;
static uint32_t stage;          /* [any] */
static pthread_key_t end_key;   /* [const] once started */
static bool has_key;            /* [const] once started */
static struct wmax wmax;        /* [const] once started */
static bool wmax_binds;         /* [const] once started */
static size_t libc_from;        /* [const] once started */

/* glibc's malloc under a name of its own; without it (musl) there is no libc to fall back to. */
extern void *__libc_malloc(size_t size) WEAK;

static size_t find_libc_from(void) {
  bool all = option(OPT_FORCE_LIBC) || option(OPT_LD_SAFE) == 2;
  if (option(OPT_BLOCK_JEMALLOC) && os_is_loaded("jemalloc")) all = true;
  if (!all && !option(OPT_LD_SAFE)) return SIZE_MAX;
  if (&__libc_malloc) return all ? 0 : TINY_MAX + 1;
  text_report("this libc does not export its allocator: hakmem serves all sizes");
  return SIZE_MAX;
}

/* At most half of the memory that is to be had now: what is resident and never used may kill. None
 * where that is not known. */
COLD static void prewarm(size_t wanted) {
  struct limits_facts facts;
  struct refusal why;
  size_t most, given;
  limits_read(&facts);
  if (facts.available == LIMITS_UNKNOWN) {
    text_report("HAKMEM_PREWARM: no superslabs: MemAvailable of /proc/meminfo is not known");
    return;
  }
  most = min_size(facts.available, limits_cgroup_room_below("")) / 2 / SUPER_SIZE;
  given = super_prewarm((unsigned)min_size(wanted, most), &why);
  if (given == wanted) return;
  text_report(
      given == most ? "HAKMEM_PREWARM: fewer superslabs than that: at most half of the free memory"
      : why.reason == REASON_EXHAUSTION ? "HAKMEM_PREWARM: fewer superslabs than that: HAKMEM_LIMIT"
                    : "HAKMEM_PREWARM: fewer superslabs than that: the system refused more");
}

static void make_key(void (*thread_end)(void *)) {
  if (!has_key) has_key = pthread_key_create(&end_key, thread_end) == 0;
}

void start_key(void (*thread_end)(void *)) {
  lock_take(&start_lock);
  make_key(thread_end);
  lock_drop(&start_lock);
}

static void start(void (*thread_end)(void *)) {
  option_load();
  libc_from = find_libc_from();
  wmax = (struct wmax){(unsigned)option(OPT_WMAX_MID), (unsigned)option(OPT_WMAX_LARGE)};
  wmax_binds = ace_wmax_binds(wmax);
  if (DEBUG_LEVEL >= 2) ASSERT(ace_check(wmax) == 0);
  make_key(thread_end);
  if (option(OPT_PREWARM)) prewarm(option(OPT_PREWARM));
}

/* pthread_key_create does not allocate: no call of its comes back into this lock. What registers
 * the fork handlers may. */
COLD static void start_slow(void (*thread_end)(void *)) {
  lock_take(&start_lock);
  bool first = ld_rlx(&stage) == NOT_STARTED;
  if (first) {
    start(thread_end);
    st_rel(&stage, STARTED); /* pairs: start_once */
  }
  lock_drop(&start_lock);
  if (first) os_at_fork(thread_fork_prepare, thread_fork_parent, thread_fork_child);
}

void start_once(void (*thread_end)(void *)) {
  if (!start_done()) start_slow(thread_end);
}

void start_set_key(void *thread) {
  if (has_key) pthread_setspecific(end_key, thread);
}

/* A class above 1 KiB has no magazine where each request must pass the router: because W_MAX may
 * refuse it, libc serves it, or the gate is split. */
static bool has_magazine(unsigned class) {
  size_t size = class_size(class);
  bool unified = option(OPT_GATE_UNIFIED) || (option(OPT_SMALLMID) && size <= SMALLMID_MAX);
  if (size <= TINY_MAX) return true;
  return POOL_MAGAZINES && unified && !wmax_binds && size < libc_from;
}

unsigned start_most(unsigned class) {
  return has_magazine(class) ? plan_most(class) : 0;
}

size_t start_libc_from(void) {
  if (UNLIKELY(!start_done())) thread_self();
  return libc_from;
}

bool start_done(void) {
  return ld_acq(&stage) != NOT_STARTED; /* pairs: start_slow */
}

bool start_adapts(void) {
  return option(OPT_ACE) != 0;
}

bool start_gates_closed(void) {
  return option(OPT_COUNT_CALLS) || option(OPT_VALIDATE);
}

struct wmax start_wmax(void) {
  return wmax;
}

bool start_wmax_binds(void) {
  return wmax_binds;
}
