/* thread - a thread's magazines, outbox and current slabs; its birth and its end.
 *
 * Owns:     the threads' caches, the list of them, and the spare ones (last in, first out).
 * Promise:  a zeroed or ended thread needs no test on the hit path: its gates are closed. At its
 *           end a thread returns all that it caches, and the next thread takes over its memory and
 *           its owner id.
 * Threads:  the owner; the registry: any.
 * Cost:     one lock at birth and at the end.
 * Refuses:  birth gives NULL when the system has no memory for the caches; the caller then works
 *           without.
 * Inverse:  thread_birth / thread_end.
 * Gauges:   front.threads_born, front.threads_ended.
 * Invariants: I1: a block in a magazine or outbox is nowhere else. I6: a magazine's top falls
 *             before its blocks go on, and rises after they came.
 *
 * A magazine is an array of free blocks below `top`; the slot below the first is NULL for ever, so
 * that one load both fetches the block and tells that there is none. It begins among its thread's
 * near slots, which lie in one page or two, and goes on to its middle ones, then to its far ones,
 * so that a thread that did little has touched little. A forked child, or a reader, may find the
 * base in one place and the top in another: thread_cached() takes such a magazine for empty.
 */
#ifndef FRONT_THREAD_H
#define FRONT_THREAD_H

#include "base/lock.h"
#include "diag/counter.h"
#include "pool/pool.h"

struct mag {
  void **top;   /* [owner] behind the last block; relaxed, read by the statistics */
  void **limit; /* [owner] where the magazine is full */
};

/* What the hit path reads; closed, every call takes the miss path. */
struct gates {
  uint32_t owner_tag; /* [const] owner id << 8; 0 for a thread without caches */
  /* The leaf where the thread last freed a block of its own, and what tells the addresses that it
   * answers for: their reach, with the owner's tag. A free elsewhere finds it by the root. */
  struct leaf *leaf; /* [owner] */
  uintptr_t key;     /* [owner] */
  bool *pops;        /* [const] the thread's, or one that nobody reads */
  /* [const] twice the class of the sizes 16 i; 0 where gates are closed */
  uint8_t codes[TINY_CODES];
  struct mag mag[CLASSES];
};

enum miss { MISS_NONE, MISS_REFILL, MISS_FLUSH };

/* VISIT_NOW: another thread is about to take blocks. VISIT_ROBBED: it did, and left holes. */
enum visit { VISIT_NONE, VISIT_ROBBED, VISIT_NOW };

/* A class's part of a thread off the hit path. */
struct cell {
  void **base;       /* [owner] the first slot; base[-1] is NULL; relaxed, read by others */
  void **top;        /* [owner] the real top while the gate is closed */
  struct slab *slab; /* [owner] the current slab, or NULL */
  uint16_t capacity; /* [owner] blocks; 0: nothing planned yet */
  uint16_t granted;  /* [owner] blocks of the capacity that the budget granted */
  uint16_t most;     /* [const] blocks; 0: the class has no magazine */
  uint16_t stolen;   /* [lock registry] blocks that collect took: NULLs below the top */
  uint16_t near;     /* [const] index of the first slot of as many as the class starts with */
  uint16_t far;      /* [const] likewise of as many as it may ever hold */
  uint8_t start;     /* [const] blocks: how many near slots it has */
  uint8_t last_miss; /* [owner] enum miss */
  uint8_t grown;     /* [owner] refills in a row from fresh memory, no flush between; at most 255 */
  bool busy;         /* [owner] a miss since the last look for idle classes */
};

struct thread {
  struct gates gates; /* first: the thread's pointer is its gates' */
  struct cell cell[CLASSES];
  struct slab *flight; /* [owner] a slab with a claim or return under way, for a forked child */
  struct slab *taken;  /* [owner] a slab on its way from the pool to its cell, likewise */
  uint32_t id;         /* [const] owner id, at least 1 */
  bool closed;         /* [owner] relaxed; the gates are closed, a mode sees every call */
  bool inside;         /* [owner] off the hit path, or without an owner: nobody visits it */
  bool pops;           /* [owner] a block above TINY_MAX is being popped */
  uint8_t visit;       /* [lock registry] enum visit */
  uint64_t seen;       /* [lock registry] misses at the last look for age, */
  bool idle;           /* [lock registry] as many as at the look before */
  unsigned left;       /* [lock registry] blocks that stayed cached at the last visit */
  bool living;         /* [lock registry] */
  struct link all;     /* [lock registry] */
  struct link spare;   /* [lock registry] */
  struct tally tally;
  size_t granted;      /* [owner] bytes of capacity */
  size_t total, share; /* [owner] bytes of the budget at the last miss, and of it the thread's; */
  uint64_t living_seen, room_seen; /* [owner] the threads, and room, that they follow from */
  unsigned grants;     /* [owner] capacities granted */
  unsigned misses;     /* [owner] since the last look for an idle class */
  unsigned look;       /* [owner] the class to look at next */
  ptrdiff_t moved;     /* [owner] bytes of blocks from slabs, less those to them, not noted yet */
  size_t cached;       /* [owner] bytes in the magazines at the last note */
  uint64_t shrinks;    /* [owner] relaxed; times that the program had shrunk when it last looked */
  unsigned out_blocks; /* [owner] */
  unsigned halvings;   /* [owner] of caches, told of when it last looked: decay_halvings */
  size_t out_bytes;    /* [owner] */
  struct sorter *sorter; /* [const] behind the near slots; its content is the owner's */
  size_t out_most;     /* [owner] bytes, by the share */
  void *out[OUTBOX_MAX]; /* [owner] blocks of other threads' slabs */
  void *slots[];         /* the magazines: all near ones, the sorter, middle ones, far ones */
};

extern void *closed_slots[2];     /* [const] two NULLs: the magazine behind a closed gate */
extern THREAD_LOCAL struct gates *self_gates;
extern const struct gates unborn_gates; /* of a thread that never allocated */
/* [const] once the first thread is born: of a thread whose caches are gone */
extern struct gates ended_gates;

/* The calling thread with its caches, born if need be; NULL when it has ended or cannot be born. */
struct thread *thread_self(void);

/* The same, for a free: NULL, too, where it never allocated and libc takes it apart. Born now it
 * would never end. */
struct thread *thread_self_freeing(void);

/* Before main: see start_key. */
void thread_prepare(void);

/* Opens and closes one magazine, for a mode that sees every call. */
void thread_open(struct thread *t, unsigned class);
void thread_close(struct thread *t, unsigned class);

/* Opens or closes all gates of the calling thread, as the options in force now want them. */
void thread_regate(struct thread *t);

/* P's tag without the owner that GATES have: below CODES where the thread has the unit, and it lies
 * in the leaf where it last freed; at least 1 << LEAF_SHIFT where it does not. */
ALWAYS_INLINE size_t thread_code(const struct gates *gates, const void *p) {
  return (map_reach(p) | ld_rlx(&gates->leaf->tag[map_unit(p)])) ^ gates->key;
}

/* No heap address has the reach of the last one. */
#define NO_REACH map_reach((const void *)UINTPTR_MAX)

/* The leaf of P is the one that the next frees find. In between no address matches: a forked child
 * may hand on the gates of a thread that was stopped there. */
ALWAYS_INLINE void thread_turn_to(struct gates *gates, const void *p) {
  gates->key = NO_REACH | gates->owner_tag;
  compiler_fence();
  gates->leaf = map_leaf(p);
  compiler_fence();
  gates->key = map_reach(p) | gates->owner_tag;
}

/* The top of a magazine, whatever its gate. */
ALWAYS_INLINE void **thread_top(const struct thread *t, unsigned class) {
  void **visible = ld_rlx(&t->gates.mag[class].top);
  return UNLIKELY(visible == &closed_slots[1]) ? ld_rlx(&t->cell[class].top) : visible;
}

/* The one that serves threads without caches, under its lock. NULL when it cannot be had. */
struct thread *thread_bare_take(void);
/* Keeps everybody from it, there be one or not. */
void thread_bare_stop(void);
void thread_bare_drop(void); /* inverse of both */
/* Empties its caches, where there is one. */
void thread_bare_flush(void);

/* The slots below a magazine's top, whatever its gate. */
ALWAYS_INLINE unsigned thread_slots(const struct thread *t, unsigned class) {
  size_t n = (size_t)(thread_top(t, class) - ld_rlx(&t->cell[class].base));
  return n <= MAGAZINE_MAX ? (unsigned)n : 0;
}

/* The blocks in them. */
ALWAYS_INLINE unsigned thread_cached(const struct thread *t, unsigned class) {
  unsigned n = thread_slots(t, class);
  unsigned stolen = ld_rlx(&t->cell[class].stolen);
  return n > stolen ? n - stolen : 0;
}

/* Closes the holes that a visit left, once it is over. */
void thread_attend(struct thread *t);

/* Whatever touches a magazine or a current slab, but for the hit path, does so in between. The
 * write goes before the read for whoever calls os_barrier: pairs: collect. */
ALWAYS_INLINE void thread_enter(struct thread *t) {
  st_rlx(&t->inside, true);
  compiler_fence();
  if (UNLIKELY(ld_acq(&t->visit))) thread_attend(t);
}

ALWAYS_INLINE void thread_leave(struct thread *t) {
  st_rel_own(&t->inside, false);
}

/* Moves a magazine with its blocks to slots that hold CAPACITY, more than its near ones do; and an
 * empty one to its near ones. The gate is open. */
void thread_spread(struct thread *t, unsigned class, unsigned capacity);
void thread_gather(struct thread *t, unsigned class);

/* Bytes of a struct thread with its magazines. */
size_t thread_bytes(void);

/* The list of all threads that ever were, for walks under the lock. */
struct link *thread_all_locked(void);
void thread_lock(void);
void thread_unlock(void);

/* The locks of this room and all below, before fork; and after it, in the parent and in the child,
 * where every other thread's caches are emptied. */
void thread_fork_prepare(void);
void thread_fork_parent(void);
void thread_fork_child(void);

#endif
