#include "front/start.h"

#include <pthread.h>

#include "ace/plan.h"
#include "base/atomic.h"
#include "base/lock.h"
#include "diag/option.h"
#include "front/thread.h"

enum { NOT_STARTED, STARTED };

static struct lock start_lock;
static uint32_t stage;          /* [any] */
static pthread_key_t end_key;   /* [const] once started */
static bool has_key;            /* [const] once started */
static struct wmax wmax;        /* [const] once started */
static bool wmax_binds;         /* [const] once started */

static void start(void (*thread_end)(void *)) {
  option_load();
  wmax = (struct wmax){(unsigned)option(OPT_WMAX_MID), (unsigned)option(OPT_WMAX_LARGE)};
  wmax_binds = ace_wmax_binds(wmax);
  if (DEBUG_LEVEL >= 2) ASSERT(ace_check(wmax) == 0);
  has_key = pthread_key_create(&end_key, thread_end) == 0;
  if (option(OPT_PREWARM)) super_prewarm((unsigned)option(OPT_PREWARM));
}

/* The key and fork functions do not allocate here: no call of theirs comes back into this lock. */
COLD static void start_slow(void (*thread_end)(void *)) {
  lock_take(&start_lock);
  if (ld_rlx(&stage) == NOT_STARTED) {
    start(thread_end);
    st_rel(&stage, STARTED); /* pairs: start_once */
  }
  lock_drop(&start_lock);
}

void start_once(void (*thread_end)(void *)) {
  if (ld_acq(&stage) == NOT_STARTED) start_slow(thread_end); /* pairs: start_slow */
}

void start_watch_forks(void) {
  pthread_atfork(thread_fork_prepare, thread_fork_parent, thread_fork_child);
}

void start_set_key(void *thread) {
  if (has_key) pthread_setspecific(end_key, thread);
}

unsigned start_most(unsigned class) {
  bool restricted = wmax_binds && class_size(class) > TINY_MAX;
  return restricted ? 0 : plan_most(class);
}

bool start_adapts(void) {
  return option(OPT_ACE) != 0;
}

bool start_gates_closed(void) {
  return option(OPT_COUNT_CALLS) != 0;
}

struct wmax start_wmax(void) {
  return wmax;
}

bool start_wmax_binds(void) {
  return wmax_binds;
}
