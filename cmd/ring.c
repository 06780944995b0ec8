/* ring - finds the ring of refusals in the memory of a process, and reads it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"
#include "symbol.h"

static const char RING[] = "hak_failure_ring";
static const char LOST[] =
    ": its libhakmem.so is gone or replaced (HAKMEM_LIBRARY may name a copy)";
static const char LIBRARY[] = "libhakmem";

struct ring {
  struct failure_slot slots[FAILURES_KEPT];
  unsigned count;   /* slots in use */
  uint64_t damaged; /* slots that no recorder can have written */
};

/* What the search found on its way. */
struct search {
  bool found;       /* a ring, even if an empty one */
  bool other;       /* a ring of another version */
  bool unread;      /* a ring that cannot be read */
  const char *lost; /* path of a library of hakmem's whose file is not to be had, or NULL */
};

/* A recorder may be at work on the slot: the ticket is looked at before and after. */
static bool read_slot(const struct memory *memory, uint64_t address, struct failure_slot *slot) {
  uint64_t ticket;
  if (!memory_read(memory, address, slot, sizeof *slot)) return false;
  if (!memory_read(memory, address, &ticket, sizeof ticket)) return false;
  if (slot->ticket != ticket) slot->ticket = 0;
  return true;
}

static int compare(const void *a, const void *b) {
  uint64_t x = ((const struct failure_slot *)a)->ticket;
  uint64_t y = ((const struct failure_slot *)b)->ticket;
  return x < y ? -1 : x > y;
}

static bool read_ring(const struct memory *memory, uint64_t address, struct ring *ring) {
  ring->count = 0;
  ring->damaged = 0;
  for (unsigned i = 0; i < FAILURES_KEPT; i++) {
    struct failure_slot *slot = &ring->slots[ring->count];
    if (!read_slot(memory, address + i * sizeof *slot, slot)) return false;
    if (!slot->ticket) continue;
    if ((slot->ticket - 1) % FAILURES_KEPT == i) ring->count++;
    else ring->damaged++;
  }
  qsort(ring->slots, ring->count, sizeof *ring->slots, compare);
  return true;
}

static bool is_library(const char *path) {
  const char *slash = strrchr(path, '/');
  return !strncmp(slash ? slash + 1 : path, LIBRARY, sizeof LIBRARY - 1);
}

/* The library itself may also be named by the user. */
static int open_module(const struct memory *memory, size_t i) {
  const char *named = getenv("HAKMEM_LIBRARY");
  int fd = memory_open_module(memory, i, NULL);
  if (fd >= 0 || !named || !is_library(memory->mappings[i].path)) return fd;
  return memory_open_module(memory, i, named);
}

/* Does module I hold a ring with refusals in it? */
static bool search_module(const struct memory *memory, size_t i, struct search *search,
                          struct ring *ring) {
  struct symbol symbol;
  int fd = open_module(memory, i);
  bool found = fd >= 0 && symbol_find(fd, RING, &symbol);
  if (fd >= 0) close(fd);
  if (fd < 0 && is_library(memory->mappings[i].path)) search->lost = memory->mappings[i].path;
  if (!found) return false;
  if (symbol.size != sizeof ring->slots) {
    search->other = true;
    return false;
  }
  if (!read_ring(memory, memory_bias(memory, i) + symbol.value, ring)) {
    search->unread = true;
    return false;
  }
  search->found = true;
  return ring->count > 0 || ring->damaged > 0;
}

static bool refuse_search(const struct memory *memory, const struct search *search) {
  const char *what = memory->alive ? "process " : "";
  if (search->unread) {
    const char *why = memory->alive ? "its memory cannot be read: it ended, perhaps"
                                    : "this core file is damaged, cut short or without the ring";
    return cannot_explain(what, memory->name, why);
  }
  if (search->other)
    return cannot_explain(what, memory->name, "its hakmem is of another version than this command");
  if (search->lost)
    return cannot_explain(memory->name, LOST, search->lost);
  return cannot_explain(what, memory->name, "it does not run hakmem, or its symbols were stripped");
}

bool ring_report(struct report *report, const struct memory *memory) {
  static struct ring ring;
  static struct record record;
  struct search search = {0};
  bool full = false;
  for (size_t i = 0; i < memory->mapping_count && !full; i++)
    full = memory_is_module(memory, i) && search_module(memory, i, &search, &ring);
  report->memory = memory;
  if (!full && (!search.found || search.unread)) return refuse_search(memory, &search);
  if (!full) return true;
  report->damaged = ring.damaged;
  if (ring.count) report->ever = ring.slots[ring.count - 1].ticket;
  for (unsigned i = 0; i < ring.count; i++) {
    if (record_of_slot(&record, &ring.slots[i])) report_add(report, &record);
    else report->damaged++;
  }
  return true;
}
