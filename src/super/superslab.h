/* superslab - 4 MiB of address space in 64 units, and their descriptors, out of line.
 *
 * Owns:     all superslabs, in bins by their longest run of free units; the empty ones are the last
 *           bin, which is the LRU cache (most recently emptied first).
 * Promise:  a unit is free, or held by one slab or run. An empty superslab beyond HAKMEM_SS_CACHE
 *           goes back to the system.
 * Threads:  any; one lock, never held across a system call.
 * Cost:     one lock per slab or run taken or given; a mapping per 64 units of growth.
 * Refuses:  EXHAUSTION at HAKMEM_LIMIT, MAPFAIL when the system refuses.
 * Inverse:  units_take / units_give; super_map_new / super_retire.
 * Dials:    HAKMEM_SS_CACHE, HAKMEM_PREWARM, HAKMEM_LIMIT.   Gauges: super.*.
 * Invariants: S1: dirty and lazy are subsets of free without a common unit, aged is one of dirty.
 *             S2: a superslab is in the bin of its longest run, and in none when it has no free
 *             unit. S3: the tags of free units are 0. S4: the bytes retained are the dirty units'
 *             and the cached huge mappings'.
 */
#ifndef SUPER_SUPERSLAB_H
#define SUPER_SUPERSLAB_H

#include "base/atomic.h"
#include "base/bits.h"
#include "base/list.h"
#include "base/lock.h"
#include "diag/failure.h"
#include "super/map.h"

enum {
  SLAB_BYTES = 64, /* a slab's descriptor: one cache line, so that 64 of them are one page */
  SLAB_SOME_WORDS = 16, /* a bitmap of up to 1,024 blocks has a denser place */
  UNIT_PARTS = 16,  /* a unit's resident prefix is known to 4 KiB */
  BINS = 7,         /* longest run 1, 2.., 4.., 8.., 16.., 32.., and 64: empty */
  BIN_EMPTY = 6,
  BIN_NONE = 7,
  STATES = SUPER_SIZE / GRAIN, /* places where a block may start */
  STATES_BYTES = STATES * (1 + (int)sizeof(uint32_t)), /* of the box validate's tables */
};

struct superslab {
  char *base;             /* [lock super] */
  uint64_t free;          /* [lock super] units nobody holds */
  uint64_t dirty;         /* [lock super] free units that may have resident pages */
  uint64_t aged;          /* [lock super] of these, the ones that were dirty at `since` already */
  uint64_t since;         /* [lock super] ms; when it joined the dirty list, or its end */
  uint64_t given;         /* [lock super] ms; when units last came back */
  uint64_t locked;        /* [lock super] dirty units whose purge the system refused, */
  uint64_t refused;       /* [lock super] ms; the last time */
  uint64_t lazy;          /* [lock super] free units whose pages the system may take */
  uint8_t *states;        /* [any] the box validate's tables, NULL until they are needed */
  struct link bin;        /* [lock super] */
  struct link dirty_link; /* [lock super] in the list of those with dirty units, oldest first */
  struct link all;        /* [lock super] */
  unsigned bin_index;     /* [lock super] */
  uint32_t owner;         /* [const] while mapped; 0: shared, else the thread whose pool it is */
  uint8_t head[SUPER_UNITS];   /* [any] relaxed; the holder of the unit writes: its first unit */
  uint8_t length[SUPER_UNITS]; /* [any] relaxed; at a first unit: how many units are held */
  /* [holder of the unit; lock super while free] how many UNIT_PARTS of it, from its start, may be
   * resident */
  uint8_t touched[SUPER_UNITS];
  /* For the box `pool`, at a slab's first unit. The first one also for `run`: [holder of it] is it
   * to be looked at when it comes back? */
  uint16_t looked[SUPER_UNITS];  /* [lock class] what the box `sparse` found; 0: not looked at */
  uint32_t shelved[SUPER_UNITS]; /* [lock class] ms, cut to 32 bits: when it was listed */
  /* For the room slab, by first unit: descriptors, and bitmaps of those that have many blocks. The
   * bitmaps' pages are touched only where there are such slabs. */
  char slabs[SUPER_UNITS][SLAB_BYTES] ALIGNED(64);
  uint64_t some_words[SUPER_UNITS][SLAB_SOME_WORDS];
  uint64_t words[SUPER_UNITS][SLAB_WORDS];
};

/* Why memory could not be had; `reason` says which of the other fields mean something. */
struct refusal {
  enum reason reason;
  int error;
  size_t bytes;
};

struct units {
  struct superslab *super;
  unsigned first;
  uint64_t stale; /* as a mask of the superslab's units: those whose bytes may be other than 0 */
};

/* Units of superslabs that belong to thread OWNER alone, or with 0 to all: see units_take. */
bool units_take_of(uint32_t owner, unsigned n, unsigned align, struct units *out,
                   struct refusal *why);

/* Takes N units in a row, the first at a multiple of ALIGN units (both at most 64).
 * Returns false and fills WHY when there are none and none may be had. */
ALWAYS_INLINE bool units_take(unsigned n, unsigned align, struct units *out, struct refusal *why) {
  return units_take_of(0, n, align, out, why);
}

/* Of N units held: the first BYTES may be resident, all or in part; the rest was not touched since
 * the system gave them. For whoever gives them back, and for whoever holds them next. */
void units_note_touched(struct superslab *super, unsigned first, unsigned n, size_t bytes);
size_t units_touched(const struct superslab *super, unsigned first, unsigned n);

/* Gives N units back; their tags are 0 already. They stay resident: for huge_settle to see to. */
void units_give(struct superslab *super, unsigned first, unsigned n);

/* Tries to make a holding of OLD units one of N units, N > OLD, in place. */
bool units_extend(struct superslab *super, unsigned first, unsigned old, unsigned n);

ALWAYS_INLINE char *unit_address(const struct superslab *super, unsigned unit) {
  return super->base + ((size_t)unit << UNIT_SHIFT);
}

ALWAYS_INLINE unsigned unit_of(const void *p) {
  return ((uintptr_t)p >> UNIT_SHIFT) & (SUPER_UNITS - 1);
}

/* Maps N superslabs, makes them resident and caches them. Returns how many were granted; WHY tells
 * what refused more. */
unsigned super_prewarm(unsigned n, struct refusal *why);

/* Gives cached empty superslabs back until KEEP are left. Returns the bytes given back. */
size_t super_drop_empty(unsigned keep);

/* Gives empty ones back that are more than HAKMEM_SS_CACHE. */
void super_drop_surplus(void);

/* Admits BYTES of address space under HAKMEM_LIMIT; every mapping for blocks asks first. */
bool super_admit(size_t bytes, struct refusal *why);
void super_dismiss(size_t bytes);

/* The list of all superslabs, for walks under the lock. */
struct link *super_all_locked(void);

/* The next superslab of an endless walk in which each has its turn; NULL when there is none. */
struct superslab *super_next_locked(void);
void super_lock(void);
void super_unlock(void);

void super_fork_take(void); /* all locks of this room */
void super_fork_drop(void);

/* For the child of a fork, whose only thread holds no unit: what its parent's other threads had
 * neither given to a slab or run nor to the pool is free, and what there is is counted anew. */
void units_take_back(void);

/* S1..S4. Returns the number of violations, each told on stderr. */
int super_check(void);

/* For this room alone. UNITS of SUPER, counted as retained already, come back at NOW, in ms. */
void super_free_locked(struct superslab *super, uint64_t units, uint64_t now);

/* For the box `purge` alone. */
void super_rebin_locked(struct superslab *super);
size_t super_dirty_bytes_locked(void);
struct superslab *super_next_dirty_locked(void); /* dirty for longest */
/* Its dirty units, but at NOW, in ms, for those whose purge was refused within REFUSED_MS. */
ALWAYS_INLINE uint64_t super_purgeable_locked(const struct superslab *super, uint64_t now) {
  return super->dirty & ~(now < super->refused + REFUSED_MS ? super->locked : 0);
}

/* The one with such units that got none back for longest. */
struct superslab *super_coldest_locked(uint64_t now);

/* Puts a superslab with dirty units at the end of their list: all of them count as freed NOW. */
void super_relist_dirty_locked(struct superslab *super, uint64_t now);

#endif
