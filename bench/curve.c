/* curve - what does one replacement cost when so and so many blocks are live?
 *
 * Usage: curve OPS LIVE MIN_SIZE MAX_SIZE
 * One thread. LIVE blocks are allocated first, untimed; then each operation frees a random one and
 * allocates another of a random size in its place. Over LIVE from 10^2 to 10^7 the figures make a
 * curve, which rises with the misses of the caches and of the TLB.
 */
#include "block.h"

int main(int argc, char **argv) {
  uint64_t ops = bench_arg(argc, argv, 1, 1), live = bench_arg(argc, argv, 2, 1);
  uint64_t min = bench_arg(argc, argv, 3, BLOCK_LEAST);
  uint64_t span = bench_arg(argc, argv, 4, min) - min + 1, random = bench_seed(1);
  void **block = bench_pages(live * sizeof *block);
  double seconds;
  if (live > UINT32_MAX || min + span > UINT32_MAX) bench_die("an argument is above 2^32");
  for (uint64_t i = 0; i < live; i++)
    block[i] = block_new(min + bench_scale(bench_random(&random), span));

  seconds = bench_now();
  for (uint64_t i = 0; i < ops; i++) {
    uint64_t bits = bench_random(&random);
    void **slot = &block[bench_scale(bits >> 32, live)];
    block_free(*slot);
    *slot = block_new(min + bench_scale(bits, span));
  }
  seconds = bench_now() - seconds;

  for (uint64_t i = 0; i < live; i++) block_check(block[i]);
  bench_result(ops, seconds);
  bench_proof();
  return 0;
}
