/* exchange - how many blocks per second go from threads that allocate to threads that free?
 *
 * Usage: exchange OPS PRODUCERS CONSUMERS MIN_SIZE MAX_SIZE
 * Producers allocate blocks and put them into one bounded ring; consumers take them out, check and
 * free them. No thread ever frees what it allocated. An operation is a block; OPS is their total.
 */
#include "block.h"
#include "crew.h"
#include "ring.h"

static struct ring *ring;
static uint64_t size_min, size_span; /* sizes are size_min .. size_min + size_span - 1 bytes */

static void produce(void *task) {
  uint64_t random = bench_seed((uint64_t)(uintptr_t)task), ticket;
  struct ring_slot *slot;
  while ((slot = ring_to_fill(ring, &ticket))) {
    for (unsigned i = 0; i < RING_BATCH; i++)
      slot->block[i] = block_new(size_min + bench_scale(bench_random(&random), size_span));
    ring_filled(slot, ticket);
  }
}

static void consume(void *task) {
  struct ring_slot *slot;
  uint64_t ticket;
  (void)task;
  while ((slot = ring_to_empty(ring, &ticket))) {
    for (unsigned i = 0; i < RING_BATCH; i++) block_free(slot->block[i]);
    ring_emptied(slot, ticket);
  }
}

int main(int argc, char **argv) {
  static struct crew_member member[CREW_MAX];
  uint64_t tickets = (bench_arg(argc, argv, 1, 1) + RING_BATCH - 1) / RING_BATCH;
  uint64_t producers = bench_arg(argc, argv, 2, 1), consumers = bench_arg(argc, argv, 3, 1);
  double seconds;
  size_min = bench_arg(argc, argv, 4, BLOCK_LEAST);
  size_span = bench_arg(argc, argv, 5, size_min) - size_min + 1;
  if (size_min + size_span > UINT32_MAX) bench_die("a size is above 2^32");
  if (producers + consumers > CREW_MAX) bench_die("more than 64 threads");
  ring = ring_open(tickets);
  for (uint64_t i = 0; i < producers + consumers; i++) {
    member[i].work = i < producers ? produce : consume;
    member[i].task = (void *)(uintptr_t)i;
  }
  seconds = crew_run(member, producers + consumers);
  bench_result(tickets * RING_BATCH, seconds);
  bench_proof();
  return 0;
}
