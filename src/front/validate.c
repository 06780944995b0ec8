#include "front/validate.h"

#include <unwind.h>

#include "diag/counter.h"
#include "diag/limiter.h"
#include "diag/option.h"
#include "os/log.h"
#include "os/map.h"
#include "os/process.h"

/* A state byte is the generation of the mode, that is how often it was switched on, and whether the
 * block is live. A byte of another generation says nothing: the block came or went meanwhile. */
enum { STATE_LIVE = 1, GENERATION_SHIFT = 1, GENERATIONS = 127 };

enum { CALLER_ROOM = 24 }; /* bytes that a caller may take: the line is one write */

static uint64_t reports; /* [any] */
static bool late;        /* [any] */
static uint8_t generation; /* [any] below GENERATIONS, then from 0 again */

static uint8_t state_free(void) {
  return (uint8_t)((ld_rlx(&generation) + 1u) << GENERATION_SHIFT);
}

void validate_late(void) {
  st_rlx(&late, true);
  st_rlx(&generation, (uint8_t)((ld_rlx(&generation) + 1u) % GENERATIONS));
}

static uint8_t *table_of(struct superslab *super) {
  uint8_t *table = ld_acq(&super->states); /* pairs: the exchange below */
  uint8_t *expected = NULL;
  int error;
  if (LIKELY(table != NULL)) return table;
  table = os_map(STATES_BYTES, &error);
  if (!table) {
    st_rlx_any(&late, true); /* a block given now has no state, also where a table comes later */
    return NULL;
  }
  if (__atomic_compare_exchange_n(&super->states, &expected, table, false, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE))
    return table;
  os_discard(table, STATES_BYTES);
  return expected;
}

static uint8_t *state_of(const void *p) {
  uint8_t *table = table_of(map_super(p));
  return table ? table + ((uintptr_t)p & (SUPER_SIZE - 1)) / GRAIN : NULL;
}

/* Behind the states: the size asked for and 1, or 0 where it is not known. */
static uint32_t *asked_at(uint8_t *table, const void *p) {
  return (uint32_t *)(void *)(table + STATES) + ((uintptr_t)p & (SUPER_SIZE - 1)) / GRAIN;
}

void validate_leave(void *p) {
  uint8_t *state = state_of(p);
  if (state) st_rlx(state, state_free() | STATE_LIVE);
}

void validate_asked(const void *p, size_t size) {
  unsigned code = map_tag(p) & TAG_CODE_MASK;
  uint8_t *table = code && code < CODES ? table_of(map_super(p)) : NULL;
  if (table) st_rlx(asked_at(table, p), (uint32_t)size + 1);
}

bool validate_knows(const struct superslab *super, const void *p, size_t *size) {
  uint8_t *table = ld_acq(&super->states); /* pairs: table_of */
  uint32_t asked;
  if (!table) return false;
  if (ld_rlx(&table[((uintptr_t)p & (SUPER_SIZE - 1)) / GRAIN]) != (state_free() | STATE_LIVE))
    return false;
  asked = ld_rlx(asked_at(table, p));
  *size = asked ? asked - 1 : 0;
  return asked != 0;
}

static _Unwind_Reason_Code put_caller(struct _Unwind_Context *context, void *pointer) {
  struct text *t = pointer;
  uintptr_t at = _Unwind_GetIP(context); /* 0: behind the stack's first frame */
  if (!at || t->used > sizeof t->data - CALLER_ROOM) return _URC_END_OF_STACK;
  text_str(t, " ");
  text_hex(t, at);
  return _URC_NO_REASON;
}

COLD static bool violation(const char *what, const void *p, unsigned class, unsigned found) {
  struct text t;
  count_any(CNT_VIOLATIONS, 1);
  if (add_rlx(&reports, 1) >= LIMITER_ALL) return false;
  text_start(&t, log_open(option_log_path));
  text_str(&t, "[HAK-VALIDATE] ");
  text_str(&t, what);
  text_str(&t, ": ");
  text_hex(&t, (uintptr_t)p);
  text_field(&t, " class=", class);
  text_field(&t, " found=", found);
  text_str(&t, " callers:");
  if (os_may_unwind()) _Unwind_Backtrace(put_caller, &t);
  text_str(&t, "\n");
  log_end(&t);
  return false;
}

bool validate_enter(void *p, unsigned class) {
  struct slab *slab = slab_of(p);
  unsigned real = slab_class(ld_rlx(&slab->state));
  const struct class_row *row = &class_table[real];
  uint8_t *state;
  uint8_t was;
  if (real != class) return violation("wrong class", p, class, real);
  if (!slab_starts_block(slab, row, p))
    return violation("pointer inside a block", p, class, slab_index(slab, row, p));
  state = state_of(p);
  if (!state) return true;
  was = __atomic_exchange_n(state, state_free(), __ATOMIC_RELAXED);
  if (was == (state_free() | STATE_LIVE)) return true;
  if (was == state_free()) return violation("duplicate: block is free already", p, class, was);
  if (ld_rlx(&late)) return true;
  st_rlx(state, was);
  return violation("block without a proper state", p, class, was);
}
