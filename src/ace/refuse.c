#include "ace/refuse.h"

#include <errno.h>
#include <unwind.h>

#include "ace/verdict.h"
#include "base/text.h"
#include "diag/counter.h"
#include "diag/limiter.h"
#include "diag/option.h"
#include "os/log.h"
#include "os/process.h"
#include "super/superslab.h"

static struct limiter limiters[REASONS][TIERS][NEXT_ROUTES]; /* [any] */

/* The last verdict of each cause, for refusals that are not looked into anew. [any] relaxed: the
 * fields of two verdicts of one cause may meet. */
static struct {
  uint64_t limit;
  uint64_t use;
  uint8_t which;
} last[REASONS][TIERS];

static const char *const tags[REASONS] = {"Threshold", "Exhaustion", "MapFail", "Overflow"};

/* --- who asked --- */

static _Unwind_Reason_Code note_caller(struct _Unwind_Context *context, void *pointer) {
  struct failure *f = pointer;
  uintptr_t at = _Unwind_GetIP(context); /* 0: behind the stack's first frame */
  if (!at || f->depth == FAILURE_DEPTH) return _URC_END_OF_STACK;
  f->callers[f->depth++] = at;
  return _URC_NO_REASON;
}

/* --- the line --- */

static void put_line(const struct failure *f, const struct verdict *v, uint64_t suppressed) {
  struct text t;
  text_start(&t, log_open(option_log_path));
  text_str(&t, "[ACE-FAIL] ");
  text_str(&t, tags[f->reason]);
  text_str(&t, " tier=");
  text_str(&t, tier_names[f->tier]);
  text_field(&t, " size=", f->size);
  text_field(&t, " class=", f->class_size);
  text_str(&t, " wmax=");
  text_hundredths(&t, f->wmax);
  text_str(&t, " next=");
  text_str(&t, next_names[f->next]);
  text_field(&t, " thread=", f->thread);
  if (f->reason == REASON_MAPFAIL) {
    text_field(&t, " bytes=", f->bytes);
    text_field(&t, " errno=", (uint64_t)f->error);
  }
  if (v) {
    text_str(&t, " ");
    verdict_text(&t, v);
  }
  if (suppressed) text_field(&t, " suppressed=", suppressed);
  text_str(&t, "\n");
  log_end(&t);
}

/* --- why --- */

/* A mapping is taken too long by the alignment of superslabs and cut; a mend must allow for that,
 * and for descriptors. */
static struct verdict find_verdict(const struct failure *f, struct limits_facts *facts) {
  bool mapping = f->reason == REASON_MAPFAIL;
  struct verdict verdict;
  struct verdict_request request = {
      .size = f->size,
      .align = mapping ? max_size(f->align, SUPER_SIZE) : f->align,
      .bytes = f->bytes,
      .error = f->error,
      .reason = f->reason,
      .hakmem_limit = option(OPT_LIMIT),
      .hakmem_use = count_read(CNT_SUPER_BYTES),
  };
  limits_read(facts);
  verdict = ace_verdict(facts, &request);
  if (mapping) verdict.enough += request.align + 4 * MIB;
  return verdict;
}

static void remember(const struct verdict *v, struct failure *f) {
  f->verdict = (uint8_t)v->which;
  f->limit = v->limit;
  f->use = v->use;
  st_rlx(&last[f->reason][f->tier].which, f->verdict);
  st_rlx(&last[f->reason][f->tier].limit, f->limit);
  st_rlx(&last[f->reason][f->tier].use, f->use);
}

static void recall(struct failure *f) {
  f->verdict = ld_rlx(&last[f->reason][f->tier].which);
  f->limit = ld_rlx(&last[f->reason][f->tier].limit);
  f->use = ld_rlx(&last[f->reason][f->tier].use);
}

COLD void refuse(struct failure *failure) {
  struct limits_facts facts;
  struct verdict verdict;
  uint64_t suppressed;
  int saved = errno;
  bool explained;
  failure->tier = (uint8_t)tier_of(failure->size);
  explained = failure->reason != REASON_THRESHOLD || failure->next == NEXT_NONE;
  /* A program that fails a million times must not read /proc a million times. */
  if (limiter_pass(&limiters[failure->reason][failure->tier][failure->next], &suppressed)) {
    if (explained) {
      verdict = find_verdict(failure, &facts);
      remember(&verdict, failure);
    }
    if (os_may_unwind()) _Unwind_Backtrace(note_caller, failure);
    failure_record(failure);
    if (option(OPT_ACE_TRACE)) put_line(failure, explained ? &verdict : NULL, suppressed);
  } else {
    recall(failure);
    failure_record(failure);
  }
  errno = saved;
}
