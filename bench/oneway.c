/* oneway - does memory stay flat when one thread only allocates and another only frees?
 *
 * Usage: oneway OPS
 * The main thread allocates OPS blocks and passes them through a bounded ring to a thread that
 * frees them. Sizes drift from 16 to 2,047 bytes and start again, so that what is kept for one
 * size is missing for the next. At most 4,096 blocks are on their way. Resident memory is read
 * after a tenth of the blocks and after the last allocation; an allocator that strands what the
 * other thread freed grows from one to the other.
 */
#include "block.h"
#include "ring.h"

#include <pthread.h>

#define DRIFT_BATCHES 256 /* batches of one range of sizes */
#define DRIFT_RANGES 7    /* 16..31, 32..63, ... 1024..2047 bytes */

static void *consume(void *argument) {
  struct ring *ring = argument;
  struct ring_slot *slot;
  uint64_t ticket;
  while ((slot = ring_to_empty(ring, &ticket))) {
    for (unsigned i = 0; i < RING_BATCH; i++) block_free(slot->block[i]);
    ring_emptied(slot, ticket);
  }
  return NULL;
}

/* Fills all slots; reads the resident memory in KiB after a tenth of them and after the last. */
static void produce(struct ring *ring, long *tenth, long *end) {
  uint64_t random = bench_seed(1), ticket;
  struct ring_slot *slot;
  *tenth = -1;
  while ((slot = ring_to_fill(ring, &ticket))) {
    uint64_t least = UINT64_C(16) << (ticket / DRIFT_BATCHES % DRIFT_RANGES);
    for (unsigned i = 0; i < RING_BATCH; i++)
      slot->block[i] = block_new(least + bench_scale(bench_random(&random), least));
    ring_filled(slot, ticket);
    if (*tenth < 0 && ticket + 1 >= ring->tickets / 10) *tenth = bench_rss_kib();
  }
  *end = bench_rss_kib();
}

int main(int argc, char **argv) {
  uint64_t tickets = (bench_arg(argc, argv, 1, 1) + RING_BATCH - 1) / RING_BATCH;
  struct ring *ring = ring_open(tickets);
  pthread_t thread;
  double seconds = bench_now();
  long tenth, end;
  if (pthread_create(&thread, NULL, consume, ring)) bench_die("no thread");
  produce(ring, &tenth, &end);
  pthread_join(thread, NULL);
  seconds = bench_now() - seconds;
  bench_result(tickets * RING_BATCH, seconds);
  dprintf(STDOUT_FILENO, "rss-tenth-kib: %ld\nrss-end-kib: %ld\n", tenth, end);
  bench_proof();
  return 0;
}
