/* ring - a bounded queue of batches between threads, which allocates nothing.
 *
 * A side takes a ticket, waits until the slot of that ticket is its own, works in the slot, and
 * passes the slot on: one shared write per RING_BATCH blocks and side, so that the allocator is
 * measured and not the queue. At most RING_SLOTS * RING_BATCH blocks are on their way.
 */
#ifndef HAK_BENCH_RING_H
#define HAK_BENCH_RING_H

#include "bench.h"

#include <sched.h>
#include <stdatomic.h>

#define RING_SLOTS 64
#define RING_BATCH 64  /* blocks */
#define RING_SPINS 200 /* looks before the processor is left to another thread */

struct ring_slot {
  _Alignas(128) _Atomic uint64_t turn; /* ticket: to be filled; ticket + 1: to be emptied */
  void *block[RING_BATCH];
};

struct ring {
  _Alignas(128) _Atomic uint64_t filling;  /* next ticket of the side that fills */
  _Alignas(128) _Atomic uint64_t emptying; /* next ticket of the side that empties */
  _Alignas(128) uint64_t tickets;          /* of the whole run */
  struct ring_slot slot[RING_SLOTS];
};

/* A ring for TICKETS batches. */
static inline struct ring *ring_open(uint64_t tickets) {
  struct ring *ring = bench_pages(sizeof *ring);
  ring->tickets = tickets;
  for (uint64_t i = 0; i < RING_SLOTS; i++) atomic_store(&ring->slot[i].turn, i);
  return ring;
}

static inline struct ring_slot *ring_wait(struct ring *ring, uint64_t ticket, uint64_t turn) {
  struct ring_slot *slot = &ring->slot[ticket % RING_SLOTS];
  for (unsigned looks = 0; atomic_load_explicit(&slot->turn, memory_order_acquire) != turn; looks++)
    if (looks >= RING_SPINS) sched_yield();
  return slot;
}

/* The next slot to fill; NULL when all tickets are taken. */
static inline struct ring_slot *ring_to_fill(struct ring *ring, uint64_t *ticket) {
  *ticket = atomic_fetch_add(&ring->filling, 1);
  return *ticket < ring->tickets ? ring_wait(ring, *ticket, *ticket) : NULL;
}

static inline void ring_filled(struct ring_slot *slot, uint64_t ticket) {
  atomic_store_explicit(&slot->turn, ticket + 1, memory_order_release);
}

/* The next slot to empty; NULL when all tickets are taken. */
static inline struct ring_slot *ring_to_empty(struct ring *ring, uint64_t *ticket) {
  *ticket = atomic_fetch_add(&ring->emptying, 1);
  return *ticket < ring->tickets ? ring_wait(ring, *ticket, *ticket + 1) : NULL;
}

static inline void ring_emptied(struct ring_slot *slot, uint64_t ticket) {
  atomic_store_explicit(&slot->turn, ticket + RING_SLOTS, memory_order_release);
}

#endif
