/* atomic - atomic operations, named by their order. A caller's comment names the partner.
 *
 * rlx: no order; a counter or a hint. acq: sees all that the partner's rel wrote before.
 * Read-modify-writes that hand memory over are acq_rel. seq: of two threads that each write one
 * word and then read the other's, one at least sees what was written.
 */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include "base/shared.h"

#define COUNTED(p) WHEN_COUNTING(shared_count_write(p))

#define ld_rlx(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define ld_seq(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define ld_acq(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)

/* What one thread alone writes, and others hardly read: not counted as a shared write. */
#define st_rlx(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

/* What other threads read as a matter of course. */
#define st_rlx_any(p, v) (COUNTED(p), __atomic_store_n((p), (v), __ATOMIC_RELAXED))
#define st_rel(p, v) (COUNTED(p), __atomic_store_n((p), (v), __ATOMIC_RELEASE))

#define st_seq(p, v) (COUNTED(p), __atomic_store_n((p), (v), __ATOMIC_SEQ_CST))
#define add_seq(p, v) (COUNTED(p), __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST))
#define add_rlx(p, v) (COUNTED(p), __atomic_fetch_add((p), (v), __ATOMIC_RELAXED))
#define sub_rlx(p, v) (COUNTED(p), __atomic_fetch_sub((p), (v), __ATOMIC_RELAXED))
#define add_acq_rel(p, v) (COUNTED(p), __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL))
#define sub_acq_rel(p, v) (COUNTED(p), __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL))
#define or_acq_rel(p, v) (COUNTED(p), __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL))
#define and_acq_rel(p, v) (COUNTED(p), __atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL))
#define xor_acq_rel(p, v) (COUNTED(p), __atomic_fetch_xor((p), (v), __ATOMIC_ACQ_REL))
#define cas_acq(p, expected, v)                                                         \
  (COUNTED(p), __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_ACQUIRE, \
                                           __ATOMIC_RELAXED))
#define cas_rel(p, expected, v)                                                         \
  (COUNTED(p), __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_RELEASE, \
                                           __ATOMIC_RELAXED))
#define cas_seq(p, expected, v)                                                         \
  (COUNTED(p), __atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST, \
                                           __ATOMIC_SEQ_CST))

/* A counter that one thread writes and any thread reads: no locked instruction. */
#define bump_own(p, v) st_rlx((p), ld_rlx(p) + (v))

#endif
