/* The functions of hakmem.h, and what happens at the start and the end of the process. */
#include "hakmem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ace/route.h"
#include "ace/verdict.h"
#include "api/stats.h"
#include "base/futex.h"
#include "base/text.h"
#include "diag/option.h"
#include "front/background.h"
#include "front/front.h"
#include "front/start.h"
#include "front/validate.h"
#include "os/log.h"
#include "os/stderr.h"
#include "pool/decay.h"
#include "pool/huge.h"
#include "pool/keep.h"
#include "pool/pool.h"
#include "pool/run.h"
#include "super/purge.h"
#include "super/spare.h"

enum { CHECK_LOOKS = 5, CHECK_PAUSE = 20 }; /* ms, for a thread that was stopped in between */

static int check_all(void) {
  return super_check() + pool_check() + run_check() + keep_check() + front_check() + class_check();
}

/* Without the background thread, which would be between a slab and the count of slabs. Other
 * threads may be, too: what does not hold beside them is told only if it still does not later. */
EXPORT int hak_check(void) {
  int looks = count_living() > 1 ? CHECK_LOOKS : 1;
  uint32_t pause = 0;
  int bad;
  decay_stop();
  for (;;) {
    text_look_again = --looks > 0;
    bad = check_all();
    if (!bad || !looks) break;
    futex_sleep(&pause, 0, CHECK_PAUSE);
  }
  text_look_again = false;
  decay_go_on();
  return bad;
}

EXPORT int hak_owns(const void *p) {
  return map_tag(p) != 0;
}

EXPORT int hak_counter(const char *name, uint64_t *value) {
  return stats_find(name, value) ? 0 : -1;
}

EXPORT int hak_stats_print(int fd) {
  int error = fd < 0 ? EBADF : stats_print(fd);
  if (error) errno = error;
  return error ? -1 : 0;
}

/* Counted is what may have been resident: superslabs and mappings whose pages went before, or never
 * came, cost addresses alone. What the flush makes free may be purged at once, where it exceeds the
 * budget. */
EXPORT size_t hak_trim(size_t keep) {
  uint64_t purged = count_read(CNT_PURGED_BYTES);
  thread_self();
  front_flush();
  pool_drop_kept(true);
  keep_drop(keep);
  super_drop_empty((unsigned)min_size(keep / SUPER_SIZE, UINT32_MAX)); /* 64 units a call: first */
  purge_down_to(keep);
  decay_trim_slabs(keep - min_size(count_read(CNT_RETAINED_BYTES), keep));
  spare_purge();
  return (size_t)(count_read(CNT_PURGED_BYTES) - purged);
}

EXPORT int hak_option_get(const char *name, char *buffer, size_t size) {
  int i = option_find(name);
  struct text t;
  if (i < 0) return -1;
  thread_self(); /* options are in force from the first call on, whichever it is */
  text_start(&t, -1);
  option_format(&t, (enum option)i);
  if (size) {
    size_t n = min_size(t.used, size - 1);
    memcpy(buffer, t.data, n);
    buffer[n] = 0;
  }
  return (int)t.used;
}

EXPORT int hak_option_set(const char *name, const char *value) {
  int result;
  thread_self();
  /* Before any thread sees the mode: blocks that are out now have no state. */
  if (option_find(name) == OPT_VALIDATE && !option(OPT_VALIDATE)) validate_late();
  result = option_set(name, value);
  front_regate();
  return result;
}

static struct hak_failure published(const struct failure *f) {
  struct hak_failure out = {
      .time = f->time,
      .size = f->size,
      .align = f->align,
      .class_size = f->class_size,
      .bytes = f->bytes,
      .limit = f->limit,
      .use = f->use,
      .thread = f->thread,
      .error = f->error,
      .reason = reason_names[f->reason],
      .tier = tier_names[f->tier],
      .next = next_names[f->next],
      .verdict = verdict_names[f->verdict],
      .depth = f->depth,
  };
  memcpy(out.callers, f->callers, sizeof out.callers);
  return out;
}

EXPORT unsigned hak_failures(struct hak_failure *out, unsigned n) {
  struct failure some[8]; /* a few at a time: the ring is too large for a small stack */
  unsigned done = 0;
  while (done < n) {
    unsigned want = n - done < 8 ? n - done : 8;
    unsigned got = failure_read(some, done, want);
    for (unsigned i = 0; i < got; i++) out[done + i] = published(&some[i]);
    done += got;
    if (got < want) break;
  }
  return done;
}

/* Where options are given the allocator starts even in a program that never allocates: they are
 * judged, and superslabs prewarmed, in every program. Where none is, its first call starts it; but
 * for a libc other than glibc, which may create threads, and fork, before there is one. */
__attribute__((constructor)) static void at_start(void) {
  int saved = errno;
  os_look_for_stderr();
  thread_prepare();
  if (KNOWS_ALONE && !option_given()) return;
  thread_self();
  background_allow();
  if (option(OPT_SHOW_STATS) || option(OPT_ACE_TRACE) || option(OPT_VALIDATE)) os_keep_stderr();
  if (option(OPT_VERBOSE)) stats_banner(text_stderr());
  errno = saved;
}

__attribute__((destructor)) static void at_exit(void) {
  int saved = errno;
  if (option(OPT_SHOW_STATS)) {
    int fd = log_open(option_log_path);
    log_close(fd, fd < 0 ? 0 : stats_print(fd));
  }
  errno = saved;
}
