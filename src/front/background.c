#include "front/background.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/text.h"
#include "diag/option.h"
#include "front/cache.h"
#include "front/collect.h"
#include "front/start.h"
#include "os/process.h"
#include "pool/decay.h"
#include "super/purge.h"

uint32_t background_state;
static uint64_t taken_before; /* [any] units; what this process's parent took */

static bool change(uint32_t from, uint32_t to) {
  return cas_acq(&background_state, &from, to);
}

/* Units taken so far; a huge mapping counts as a superslab. */
static uint64_t taken(void) {
  uint64_t mappings = count_read(CNT_HUGE_MAPPED) + count_read(CNT_HUGE_REUSED);
  return count_read(CNT_UNITS_TAKEN) + mappings * SUPER_UNITS;
}

static bool nobody_lives(void) {
  return !count_living();
}

/* In the name of the thread that serves those without caches. Decay stops meanwhile, so that
 * hak_check stops this; it goes on before what moved is told, which may ask for it. */
static bool caches_age(void) {
  struct thread *t;
  bool later = true;
  decay_stop();
  t = thread_bare_take();
  if (t) later = collect_aged(t);
  decay_go_on();
  if (!t) return true;
  decay_moved(cache_moved(t));
  thread_bare_drop();
  return later;
}

static void *run(void *unused) {
  os_name_thread("hakmem");
  while (!nobody_lives()) {
    while (decay_step(os_milliseconds())) continue;
    purge_sleep(decay_interval(), caches_age());
  }
  st_rlx(&background_state, BACKGROUND_WANTED); /* should somebody come after all */
  return unused;
}

/* With the stack that is enough, or where that is too small for the program's thread-local
 * storage, with the usual one. */
static int create(void) {
  pthread_attr_t attributes;
  pthread_t thread;
  int error;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, BACKGROUND_STACK);
  error = pthread_create(&thread, &attributes, run, NULL);
  pthread_attr_destroy(&attributes);
  if (error == EINVAL) error = pthread_create(&thread, NULL, run, NULL);
  if (!error) pthread_detach(thread);
  return error;
}

static void complain(int error) {
  struct text t;
  text_start(&t, -1);
  text_field(&t, "HAKMEM_BACKGROUND=1: the system refuses a thread (errno ", (uint64_t)error);
  text_str(&t, "); memory goes back only while the program allocates or frees");
  t.data[t.used] = 0;
  text_report(t.data);
}

COLD void background_start(void) {
  int saved = errno;
  sigset_t all;
  sigset_t before;
  int error;
  if (taken() - ld_rlx(&taken_before) <= SUPER_UNITS) return;
  if (!change(BACKGROUND_WANTED, BACKGROUND_RUNS)) return;
  memset(&all, 0xff, sizeof all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = create();
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error) {
    st_rlx(&background_state, BACKGROUND_OFF);
    complain(error);
  }
  errno = saved;
}

void background_allow(void) {
  if (option(OPT_BACKGROUND)) change(BACKGROUND_OFF, BACKGROUND_WANTED);
}

void background_thread_ended(void) {
  if (UNLIKELY(ld_rlx(&background_state) == BACKGROUND_RUNS) && nobody_lives()) purge_wake();
}

void background_fork_take(void) {
  change(BACKGROUND_WANTED, BACKGROUND_FORKING);
}

void background_fork_parent(void) {
  change(BACKGROUND_FORKING, BACKGROUND_WANTED);
}

void background_fork_child(void) {
  st_rlx(&taken_before, taken());
  if (!change(BACKGROUND_RUNS, BACKGROUND_WANTED)) background_fork_parent();
}
