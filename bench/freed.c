/* freed - how much memory does a process keep that freed all its blocks?
 *
 * Usage: freed BLOCKS MIN_SIZE MAX_SIZE
 * One thread allocates BLOCKS blocks of random sizes and frees all of them, the last one first.
 * Each holds the address of the one before, so that no table of the benchmark is in the figures.
 * Resident memory in KiB is printed with all blocks live, right after the last free, and after the
 * call that the allocator has for giving it back.
 */
#include "block.h"

struct link {
  struct block_head head; /* block.h's own */
  struct link *before;
};

int main(int argc, char **argv) {
  uint64_t blocks = bench_arg(argc, argv, 1, 1);
  uint64_t min = bench_arg(argc, argv, 2, sizeof(struct link) + 1);
  uint64_t span = bench_arg(argc, argv, 3, min) - min + 1, random = bench_seed(1), bytes = 0;
  struct link *last = NULL;
  double seconds = bench_now(), pause;
  long live, freed;
  if (min + span > UINT32_MAX) bench_die("a size is above 2^32");
  for (uint64_t i = 0; i < blocks; i++) {
    size_t size = min + bench_scale(bench_random(&random), span);
    struct link *link = block_new(size);
    link->before = last;
    last = link;
    bytes += size;
  }
  pause = bench_now();
  live = bench_rss_kib();
  pause = bench_now() - pause;
  while (last) {
    struct link *before = last->before;
    block_free(last);
    last = before;
  }
  seconds = bench_now() - seconds - pause;
  freed = bench_rss_kib();
  bench_give_back();
  bench_result(blocks, seconds);
  dprintf(STDOUT_FILENO,
          "live-kib: %" PRIu64 "\nrss-live-kib: %ld\nrss-freed-kib: %ld\nrss-trimmed-kib: %ld\n",
          bytes / 1024, live, freed, bench_rss_kib());
  bench_proof();
  return 0;
}
