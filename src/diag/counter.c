#include "diag/counter.h"

#include "base/text.h"

const struct counter_row counter_table[COUNTERS] = {
    {"super.units_taken", "units", "units of 64 KiB taken for slabs and runs"},
    {"super.units_given", "units", "units given back by slabs and runs"},
    {"super.retained_bytes", "bytes", "freed memory that may still be resident, now"},
    {"super.bytes", "bytes", "address space mapped for blocks, now"},
    {"super.reused", "superslabs", "empty superslabs taken from the cache"},
    {"pool.runs_taken", "runs", "large blocks given"},
    {"pool.runs_given", "runs", "large blocks taken back"},
    {"pool.run_bytes", "bytes", "large blocks live, now"},
    {"pool.slabs_carved", "slabs", "slabs set up in fresh units"},
    {"pool.slabs_relisted", "slabs", "slabs nobody owned, taken from the lists"},
    {"pool.slabs_given", "slabs", "slabs given to threads (carved and from the lists)"},
    {"pool.slabs_recycled", "slabs", "empty slabs whose units went back"},
    {"super.mapped", "superslabs", "superslabs mapped from the system"},
    {"super.unmapped", "superslabs", "superslabs given back to the system"},
    {"pool.sparse_waiting", "slabs", "slabs nobody owns, not looked at for free pages yet, now"},
    {"super.purges", "calls", "ranges of freed memory given back to the system"},
    {"pool.huge_mapped", "mappings", "huge blocks mapped from the system"},
    {"pool.huge_unmapped", "mappings", "huge blocks given back to the system"},
    {"pool.huge_reused", "mappings", "huge blocks served from the cache"},
    {"pool.huge_moved", "mappings", "huge blocks moved by page tables, not by copying"},
    {"pool.huge_live", "mappings", "huge blocks live, now"},
    {"pool.huge_bytes", "bytes", "address space of huge blocks, now"},
    {"super.meta_bytes", "bytes", "address space of descriptors, now"},
    {"api.foreign_frees", "calls", "blocks of libc's own heap passed on to it"},
    {"front.threads_born", "threads", "threads that allocated or freed"},
    {"front.threads_ended", "threads", "threads that gave everything back"},
    {"front.double_frees", "blocks", "blocks returned twice, and not counted twice"},
    {"front.violations", "frees", "refused by validation (HAKMEM_TINY_SLL_VALIDATE_HDR=1)"},
    {"super.lazy_bytes", "bytes", "purged memory that stays until the system needs it, now"},
    {"super.decayed_bytes", "bytes", "freed memory given back for its age, in all"},
    {"pool.sparse_bytes", "bytes", "free pages of slabs in use given back, in all"},
    {"super.purged_bytes", "bytes", "freed memory given back to the system, in all"},
};

const struct counter_row tally_table[TALLIES] = {
    {"front.refills", "calls", "magazines refilled from slabs"},
    {"front.blocks_refilled", "blocks", "blocks moved from slabs to magazines"},
    {"front.flushes", "calls", "magazines flushed to slabs"},
    {"front.blocks_flushed", "blocks", "blocks moved from magazines and outboxes to slabs"},
    {"front.remote_frees", "blocks", "blocks returned by another thread than their slab's"},
    {"front.remote_flushes", "calls", "outboxes flushed to slabs"},
    {"front.malloc_calls", "calls", "calls of malloc and its kin (HAKMEM_COUNT_CALLS=1)"},
    {"front.free_calls", "calls", "calls of free (HAKMEM_COUNT_CALLS=1)"},
};

uint64_t counter_value[COUNTERS] ALIGNED(64);

static struct tally *tallies; /* [any] only ever grows at its head */

void tally_register_any(struct tally *t) {
  struct tally *head = ld_rlx(&tallies);
  do t->next = head;
  while (!__atomic_compare_exchange_n(&tallies, &head, t, false, __ATOMIC_RELEASE,
                                      __ATOMIC_RELAXED)); /* pairs: tally_read */
}

uint64_t tally_read(enum tally_row i) {
  uint64_t sum = 0;
  for (struct tally *t = ld_acq(&tallies); t; t = t->next) /* pairs: tally_register_any */
    sum += ld_rlx(&t->n[i]);
  return sum;
}

bool counter_find(const char *name, uint64_t *value) {
  for (int i = 0; i < TALLIES; i++) {
    if (!text_same(name, tally_table[i].name)) continue;
    *value = tally_read(i);
    return true;
  }
  for (int i = 0; i < COUNTERS; i++) {
    if (!text_same(name, counter_table[i].name)) continue;
    *value = count_read(i);
    return true;
  }
  for (int i = 0; COUNT_SHARED && i < SHARED_SUMS; i++) {
    if (!text_same(name, shared_names[i])) continue;
    *value = shared_read(i);
    return true;
  }
  return false;
}
