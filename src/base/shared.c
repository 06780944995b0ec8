/* The counts are atomic additions by the compiler's own names: those of `atomic` would count
 * themselves. This build is for counting, not for speed. */
#include "base/shared.h"

enum {
  PLACES = 1 << 10,
  LINES = 1 << 18,
  LOCKS = 1 << 8,
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
    "scaling.atomic_writes", "scaling.shared_writes", "scaling.several_writers",
    "scaling.moved_lines",   "scaling.locks",         "scaling.lost",
};

extern const char __ehdr_start[], _end[]; /* the linker's names of this object's first and last */

static struct slot places[PLACES];
static struct slot lines[LINES];
static struct slot locks[LOCKS];
static uint64_t sums[SHARED_SUMS];
static uint64_t last_thread;
static THREAD_LOCAL uint64_t self;      /* this thread's number, from 1 */
static THREAD_LOCAL uintptr_t in_hand; /* the line that this thread wrote last */

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

static bool moved_to_self(struct slot *line) {
  uint64_t before = __atomic_exchange_n(&line->last, self, __ATOMIC_RELAXED);
  return before && before != self;
}

static void note(struct slot *slot, bool moved) {
  add(&slot->writes, 1);
  if (moved) add(&slot->moves, 1);
}

NOINLINE void shared_count_write(const volatile void *p) {
  uintptr_t at = (uintptr_t)p >> LINE_SHIFT;
  struct slot *line = find(lines, LINES, at);
  struct slot *place = find(places, PLACES, (uintptr_t)__builtin_return_address(0));
  bool moved;
  if (!self) self = add(&last_thread, 1);
  add(&sums[SHARED_ATOMICS], 1);
  if (!line || !place) {
    add(&sums[SHARED_LOST], 1);
    return;
  }
  moved = moved_to_self(line);
  if (at == in_hand && !moved) return;
  in_hand = at;
  add(&sums[SHARED_WRITES], 1);
  if (moved) add(&sums[SHARED_MOVES], 1);
  note(line, moved);
  note(place, moved);
}

void shared_count_lock(const volatile void *lock) {
  struct slot *slot = find(locks, LOCKS, (uintptr_t)lock);
  add(&sums[slot ? SHARED_LOCKS : SHARED_LOST], 1);
  if (slot) note(slot, false);
}

/* Does the line at ADDRESS belong to the library's own data? There are few of those, and all
 * threads write them; those of slabs and of the map are many. */
static bool is_own(uintptr_t address) {
  return address + (1u << LINE_SHIFT) > (uintptr_t)__ehdr_start && address < (uintptr_t)_end;
}

static uintptr_t address_of(const struct slot *line) {
  return __atomic_load_n(&line->key, __ATOMIC_RELAXED) << LINE_SHIFT;
}

static uint64_t several_writers(void) {
  uint64_t n = 0;
  for (unsigned i = 0; i < LINES; i++)
    if (__atomic_load_n(&lines[i].moves, __ATOMIC_RELAXED) || is_own(address_of(&lines[i])))
      n += __atomic_load_n(&lines[i].writes, __ATOMIC_RELAXED);
  return n;
}

uint64_t shared_read(enum shared_sum i) {
  return i == SHARED_SEVERAL ? several_writers() : __atomic_load_n(&sums[i], __ATOMIC_RELAXED);
}

static struct shared_row row_of(const struct slot *slot, uintptr_t address) {
  return (struct shared_row){
      .offset = address - (uintptr_t)__ehdr_start,
      .writes = __atomic_load_n(&slot->writes, __ATOMIC_RELAXED),
      .moves = __atomic_load_n(&slot->moves, __ATOMIC_RELAXED),
  };
}

bool shared_place(unsigned i, struct shared_row *row) {
  if (i >= PLACES) return false;
  *row = row_of(&places[i], __atomic_load_n(&places[i].key, __ATOMIC_RELAXED));
  return true;
}

bool shared_lock(unsigned i, struct shared_row *row) {
  if (i >= LOCKS) return false;
  *row = row_of(&locks[i], __atomic_load_n(&locks[i].key, __ATOMIC_RELAXED));
  return true;
}

bool shared_line(unsigned i, struct shared_row *row) {
  if (i >= LINES) return false;
  *row = row_of(&lines[i], address_of(&lines[i]));
  if (!is_own(address_of(&lines[i]))) row->writes = 0;
  return true;
}
