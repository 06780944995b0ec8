/* config - every number of the allocator, with its unit and its reason. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/cc.h"

/* The checking level: 0 release, 1 cheap asserts, 2 asserts and walks (make debug). */
#ifndef HAK_DEBUG
#define HAK_DEBUG 0
#endif
enum { DEBUG_LEVEL = HAK_DEBUG };

/* make shared POOL_TLS_PHASE1=0: no magazines above 1 KiB. */
#ifndef HAK_POOL_TLS_PHASE1
#define HAK_POOL_TLS_PHASE1 1
#endif
enum { POOL_MAGAZINES = HAK_POOL_TLS_PHASE1 };

/* make counting: writes to memory that threads share are counted (`shared`). */
#ifndef HAK_COUNT_SHARED
#define HAK_COUNT_SHARED 0
#endif
enum { COUNT_SHARED = HAK_COUNT_SHARED };

enum { COUNT_PROCESSORS = 256 }; /* that build counts as on a machine of so many */

/* Not an `if`: even a discarded operand may change what the compiler makes of its neighbours. */
#if HAK_COUNT_SHARED
#define WHEN_COUNTING(call) (call)
#else
#define WHEN_COUNTING(call) ((void)0)
#endif

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* Address space. A unit is the smallest thing the slab map knows; 64 KiB is the largest page size
 * of any Linux on aarch64, so that a unit can be purged there too. */
enum {
  UNIT_SHIFT = 16,
  UNIT_SIZE = 1 << UNIT_SHIFT,
  SUPER_SHIFT = 22,
  SUPER_SIZE = 1 << SUPER_SHIFT,
  SUPER_UNITS = SUPER_SIZE / UNIT_SIZE, /* one 64-bit word */
  LEAF_SHIFT = 36,                      /* one leaf of the slab map covers 64 GiB */
  LEAF_UNITS = 1 << (LEAF_SHIFT - UNIT_SHIFT),
  LEAF_SUPERS = 1 << (LEAF_SHIFT - SUPER_SHIFT),
  ADDRESS_BITS = 48, /* user addresses that mmap gives unasked, on x86-64 and aarch64 */
  ROOT_ENTRIES = 1 << (ADDRESS_BITS - LEAF_SHIFT),
};

/* Sizes. */
enum {
  GRAIN = 16,                   /* bytes; alignment of every block (max_align_t) */
  TINY_MAX = 1024,              /* bytes; the largest size looked up by table */
  SMALLMID_MAX = 8 * 1024,      /* bytes; what HAKMEM_SMALLMID_ENABLE keeps behind a split gate */
  MID_MAX = 32 * 1024,          /* bytes */
  CLASS_MAX = 256 * 1024,       /* bytes; the largest slab class */
  LARGE_MAX = 2 * 1024 * 1024,  /* bytes; the largest run, above it its own mapping */
  CLASSES = 65,                 /* class 0 is never valid; 64 of 16..256 KiB */
  CODES = 2 * CLASSES,         /* a code is twice a class: it indexes pairs of words */
  SLAB_WORDS = 64,              /* words of a slab's bitmap: at most 4,096 blocks */
};

/* Caches. The figures that chose them are in DECISIONS.md. */
enum {
  MAGAZINE_BYTES = 32 * 1024, /* bytes: the base capacity, before its bounds in blocks */
  MAGAZINE_MAX = 512,         /* blocks */
  MAGAZINE_MIN = 4,           /* blocks */
  MAGAZINE_MIN_LARGE = 2,     /* blocks of more than 64 KiB */
  MAGAZINE_MIDDLE = 32, /* blocks; up to then a magazine's slots lie close to those of others */
  /* blocks at a class's first miss, so that short threads take little */
  MAGAZINE_START = 8,
  MAGAZINE_START_BYTES = 4096,
  /* where refill and flush alternate, a magazine may grow to the least of these: */
  MAGAZINE_MOST_TINY = 128 * 1024,       /* bytes of blocks up to 1 KiB */
  MAGAZINE_MAX_MID = 256,                /* blocks above 1 KiB */
  MAGAZINE_MOST_BYTES = 2 * 1024 * 1024, /* bytes of any blocks, */
  MAGAZINE_MOST_LARGE = 8,               /* but always to so many blocks */
  DRAINED_SIZE = 32 * 1024, /* bytes; of such blocks a program that shrinks keeps the least */
  CACHE_TOTAL = 24 * 1024 * 1024,        /* bytes of capacity of all threads together, */
  CACHE_TOTAL_FEW = 64 * 1024 * 1024,    /* and while there are only a few of them */
  FEW_THREADS = 32,
  CACHE_TOTAL_STEP = 5 * 512 * 1024,     /* less for each thread more */
  CACHE_TOTAL_LEAST = 1024 * 1024, /* however little room the cgroup leaves */
  CGROUP_LOOK = 256,               /* grants of a thread between two looks at the cgroup's limit */
  CACHE_PER_PROCESSOR = 2 * 1024 * 1024, /* bytes, where that makes the total larger */
  CACHE_THREAD_MOST = 16 * 1024 * 1024,  /* bytes of capacity of one thread */
  CACHE_THREAD_UNASKED = 2 * 1024 * 1024, /* bytes that one may cache however little is in use */
  /* A thread whose share of the total is below this is one of a crowd (more than 48 threads, and
   * four a processor), most of which must be asleep: it keeps no slab that others could use. */
  CROWD_SHARE = 512 * 1024,
  OWN_LINE = 64, /* bytes; smaller blocks of two threads would share a cache line */
  IDLE_CHECK = 32, /* misses of a thread between two looks for an idle class */
  FRESH_BYTES = 4096, /* bytes of fresh memory that a refill takes at a time, */
  FRESH_BATCHES = 4,  /* or so many times that, at most a fourth of what a class has grown by */
  AHEAD_BYTES = 16 * 1024, /* bytes of fresh pages that come by one call where a program has */
  AHEAD_LIVE = 8 * 1024 * 1024, /* bytes a thread */
  OUTBOX_MAX = 512,           /* blocks of other threads' slabs waiting for their return */
  FLUSH_MAX = 256,            /* blocks that leave a magazine together */
  OUTBOX_BLOCK_MAX = 4096,    /* bytes; larger blocks of others return at once */
  OUTBOX_BYTES = 256 * 1024,  /* bytes an outbox may hold, */
  OUTBOX_SHARE = 8,           /* and the part of its thread's share */
  /* An empty slab of one unit may stay listed, one a class, of 36 classes: where the budget of
   * retained memory is at least four times what they are together. */
  KEEP_BUDGET = 4 * 36 * UNIT_SIZE,
  LIST_THRESHOLD_MAX = 32,    /* free blocks that make an unowned slab worth listing */
  HUGE_KEPT = 64,             /* freed huge mappings kept */
  HUGE_KEPT_BYTES = 256 * 1024 * 1024, /* bytes of their address space */
  /* live huge blocks from which on a new one takes whole superslabs, which the kernel joins: a
   * quarter of the mappings that a process may have (vm.max_map_count); and up to which: where each
   * second of those goes, as many gaps must be possible, or the system refuses to unmap any */
  HUGE_CROWD = 16384,
  HUGE_CROWD_MOST = 6 * HUGE_CROWD,
  HUGE_WASTE = 4,             /* times the block, at most, is the mapping that serves it */
  HUGE_REST = 64 * 1024,      /* bytes of pages, at least, make the rest of a mapping another */
  HUGE_WORTH = 8,             /* pages of an eighth of a block are worth being moved to it */
  HUGE_SPARE = 4,             /* a quarter more address space, where a block grows */
  HUGE_PAGE = 2 * 1024 * 1024, /* bytes; the system's, where pages are of 4 KiB */
  HUGE_TAIL = 8, /* the last huge page of a block may go beyond it by this part of the block */
  /* What blocks of a doubling of size tell of the next ones, when they are given back: one that is
   * full lets so many have huge pages or be populated, at most so many; one that is not, none. */
  HABIT_SIZES = 19, /* from 256 KiB on */
  HABIT_GAIN = 16,
  HABIT_MOST = 64,
  HABIT_DOUBT = -16,
  /* Where some in a row were not touched at all, so many of the next ones are not looked at. */
  HABIT_LEFT = -24,
  HABIT_BLIND = 32,
  HABIT_PROBE = 64 * 1024, /* bytes of small pages, at least, tell whether a block is full */
  /* descriptors without a superslab that keep their pages, 44 KiB each at most: as many as there
   * are empty superslabs at the default of HAKMEM_SS_CACHE */
  SPARES_RESIDENT = 16,
  DECAY_BATCH = 8 * 1024 * 1024, /* bytes that one who passes gives back for their age: some 2 ms */
  DECAY_STEPS = 8,            /* looks for aged memory in the time of HAKMEM_DECAY_MS, */
  DECAY_STEP_MOST = 1000,     /* and ms between two of them at most */
  SPARSE_LEAST_MS = 100, /* ms that a slab lies on its shelf at least before its free pages go */
  SPARSE_GROWING = 100,  /* while a program grows, slabs age in this part of HAKMEM_DECAY_MS, */
  SPARSE_GROWN_SUPERS = 8, /* and so many superslabs are looked at for each that it grows by */
  SPARSE_SHRUNK_BATCH = 64 * 1024 * 1024, /* bytes at a time, when a program shrank, */
  SPARSE_WORTH = 8 * 1024, /* and bytes of a range in the mean of a slab, or it waits for its age */
  MOVED_TOLD = 1024 * 1024, /* bytes that a thread takes or returns between two notes of it */
  SHRUNK_PART = 4, /* of the most in use is so little that free pages of slabs go, */
  SHRUNK_LATER = 4, /* times half of that, where they are needed again within */
  SHRUNK_REGRET_MS = 1000,
  SHRUNK_FORGET_MS = 10000, /* then a fall by half is enough for caches again */
  SHRUNK_HALVINGS = 10,     /* at a time */
  SHRUNK_LEAST = 16 * 1024 * 1024, /* bytes; who did not have more before does not shrink */
  REFUSED_MS = 1000,      /* so long units are not tried again whose purge was refused */
  COLLECT_LEAST_MS = 100, /* between two looks at what threads cache */
  SPARSE_SUPERS = 4096,  /* superslabs, and */
  SPARSE_SLABS = 2048,   /* slabs that one who passes looks at, at most: some 2 ms */
  RETAIN_ASIDE = 16,           /* this part of HAKMEM_RETAIN is for descriptors */
  ROOM_SHARE = 8,             /* retained bytes: at most this part of the room in the cgroup */
  ROOM_LOOK_MS = 1000,        /* ms between two looks at the cgroup, */
  ROOM_LOOK_NEAR = 10,        /* and near its limit */
  ROOM_FIRST = 16 * 1024 * 1024, /* bytes mapped before the first look: short programs are spared */
  BACKGROUND_STACK = 64 * 1024,  /* bytes */
};

#endif
