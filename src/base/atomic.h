/* atomic - atomic operations, named by their order. A caller's comment names the partner.
 *
 * rlx: no order; a counter or a hint. acq: sees all that the partner's rel wrote before.
 * Read-modify-writes that hand memory over are acq_rel. seq: of two threads that each write one
 * word and then read the other's, one at least sees what was written.
 */
#ifndef BASE_ATOMIC_H
#define BASE_ATOMIC_H

#include "base/cc.h"
#include "base/shared.h"

/* Is this the only thread? libc knows: its variable falls before a second thread starts, in the
 * thread that starts it, which is not inside the allocator then. */
ALWAYS_INLINE bool alone(void) {
  return KNOWS_ALONE && __libc_single_threaded;
}

#define COUNTED(p) WHEN_COUNTING(shared_count_write(p))

#define ld_rlx(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define ld_seq(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define ld_acq(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)

/* What one thread alone writes, and others hardly read: not counted as a shared write. */
#define st_rlx(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

/* Likewise, and what was written before it comes with it. */
#define st_rel_own(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/* What other threads read as a matter of course. */
#define st_rlx_any(p, v) (COUNTED(p), __atomic_store_n((p), (v), __ATOMIC_RELAXED))
#define st_rel(p, v) (COUNTED(p), __atomic_store_n((p), (v), __ATOMIC_RELEASE))

#define st_seq(p, v) (COUNTED(p), __atomic_store_n((p), (v), __ATOMIC_SEQ_CST))
/* A read-modify-write: no locked instruction while there is no other thread to see it halfway. */
#define RMW(p, v, op, locked, order)                             \
  __extension__({                                                \
    __typeof__(p) at_ = (p);                                     \
    __typeof__(*at_) by_ = (v);                                  \
    __typeof__(*at_) old_;                                       \
    (void)COUNTED(at_);                                          \
    if (alone()) {                                               \
      old_ = ld_rlx(at_);                                        \
      __atomic_store_n(at_, old_ op by_, __ATOMIC_RELAXED);      \
      compiler_fence();                                          \
    } else {                                                     \
      old_ = locked(at_, by_, order);                            \
    }                                                            \
    old_;                                                        \
  })

#define add_seq(p, v) RMW(p, v, +, __atomic_fetch_add, __ATOMIC_SEQ_CST)
#define add_rlx(p, v) RMW(p, v, +, __atomic_fetch_add, __ATOMIC_RELAXED)
#define sub_rlx(p, v) RMW(p, v, -, __atomic_fetch_sub, __ATOMIC_RELAXED)
#define add_acq_rel(p, v) RMW(p, v, +, __atomic_fetch_add, __ATOMIC_ACQ_REL)
#define sub_acq_rel(p, v) RMW(p, v, -, __atomic_fetch_sub, __ATOMIC_ACQ_REL)
#define or_acq_rel(p, v) RMW(p, v, |, __atomic_fetch_or, __ATOMIC_ACQ_REL)
#define and_acq_rel(p, v) RMW(p, v, &, __atomic_fetch_and, __ATOMIC_ACQ_REL)
#define xor_acq_rel(p, v) RMW(p, v, ^, __atomic_fetch_xor, __ATOMIC_ACQ_REL)
#define xchg_acq_rel(p, v) (COUNTED(p), __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL))
#define CAS(p, expected, v, set, left) \
  (COUNTED(p), __atomic_compare_exchange_n((p), (expected), (v), false, (set), (left)))
#define cas_acq(p, expected, v) CAS(p, expected, v, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define cas_rel(p, expected, v) CAS(p, expected, v, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define cas_seq(p, expected, v) CAS(p, expected, v, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#endif
