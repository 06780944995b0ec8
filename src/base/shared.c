/* The counts are atomic additions by the compiler's own names: those of `atomic` would count
 * themselves. This build is for counting, not for speed. */
#include "base/shared.h"

enum {
  PLACES = 1 << 10,
  LINES = 1 << 18,
  LINE_SHIFT = 6,
  PROBES = 64, /* slots looked at before a table counts as full */
};

struct slot {
  uintptr_t key; /* [any] 0: free; written once */
  uint64_t writes;
  uint64_t moves;
  uint64_t last; /* the thread that wrote last */
};

const char *const shared_names[SHARED_SUMS] = {
    "scaling.shared_writes",
    "scaling.locks",
    "scaling.moved_lines",
    "scaling.lost",
};

extern const char __ehdr_start[], _end[]; /* the linker's names of this object's first and last */

static struct slot places[PLACES];
static struct slot lines[LINES];
static uint64_t sums[SHARED_SUMS];
static uint64_t last_thread;
static THREAD_LOCAL uint64_t self; /* this thread's number, from 1 */

static uint64_t add(uint64_t *n, uint64_t more) {
  return __atomic_add_fetch(n, more, __ATOMIC_RELAXED);
}

static struct slot *find(struct slot *table, unsigned slots, uintptr_t key) {
  uint64_t hash = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 32;
  for (unsigned i = 0; i < PROBES; i++) {
    struct slot *slot = &table[(hash + i) % slots];
    uintptr_t found = 0;
    if (__atomic_load_n(&slot->key, __ATOMIC_RELAXED) == key) return slot;
    if (__atomic_compare_exchange_n(&slot->key, &found, key, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED))
      return slot;
    if (found == key) return slot;
  }
  return NULL;
}

/* Counts a write of this thread; returns how often another one had written last: 0 or 1. */
static uint64_t note(struct slot *slot, uint64_t moved) {
  if (!slot) {
    add(&sums[SHARED_LOST], 1);
    return 0;
  }
  add(&slot->writes, 1);
  add(&slot->moves, moved);
  return moved;
}

static uint64_t moved_to_self(struct slot *line) {
  uint64_t before;
  if (!line) return 0;
  before = __atomic_exchange_n(&line->last, self, __ATOMIC_RELAXED);
  return before && before != self;
}

NOINLINE void shared_count_write(const volatile void *p) {
  uintptr_t place = (uintptr_t)__builtin_return_address(0);
  struct slot *line = find(lines, LINES, (uintptr_t)p >> LINE_SHIFT);
  uint64_t moved;
  if (!self) self = add(&last_thread, 1);
  moved = moved_to_self(line);
  add(&sums[SHARED_WRITES], 1);
  add(&sums[SHARED_MOVES], note(line, moved));
  note(find(places, PLACES, place), moved);
}

void shared_count_lock(void) {
  add(&sums[SHARED_LOCKS], 1);
}

uint64_t shared_read(enum shared_sum i) {
  return __atomic_load_n(&sums[i], __ATOMIC_RELAXED);
}

static struct shared_row row_of(const struct slot *slot, uintptr_t address) {
  struct shared_row row = {0, 0, 0};
  row.offset = address - (uintptr_t)__ehdr_start;
  row.writes = __atomic_load_n(&slot->writes, __ATOMIC_RELAXED);
  row.moves = __atomic_load_n(&slot->moves, __ATOMIC_RELAXED);
  return row;
}

bool shared_place(unsigned i, struct shared_row *row) {
  if (i >= PLACES) return false;
  *row = row_of(&places[i], __atomic_load_n(&places[i].key, __ATOMIC_RELAXED));
  return true;
}

/* Lines elsewhere are those of slabs and of the map: there are many, each of them rarely hot. */
bool shared_line(unsigned i, struct shared_row *row) {
  uintptr_t address;
  if (i >= LINES) return false;
  address = __atomic_load_n(&lines[i].key, __ATOMIC_RELAXED) << LINE_SHIFT;
  *row = row_of(&lines[i], address);
  if (address + (1u << LINE_SHIFT) <= (uintptr_t)__ehdr_start || address >= (uintptr_t)_end)
    row->writes = 0;
  return true;
}
