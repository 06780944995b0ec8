/* pareto - how many replacements per second when most blocks are tiny and a few are huge?
 *
 * Usage: pareto OPS BLOCKS
 * One thread. Sizes follow Pareto's distribution with exponent 1 from 16 bytes up, cut at 1 MiB:
 * half of the blocks are below 32 bytes, one of 64 is above 1 KiB, and each power of two takes as
 * many bytes as the next. Each operation frees a random block and allocates one in its place.
 */
#include "block.h"

#define SIZE_LEAST 16
#define SIZE_MOST (1 << 20)

static void *pareto_new(uint64_t *random) {
  uint64_t share = (bench_random(random) >> 32) + 1; /* of 2^32, never 0 */
  uint64_t size = ((uint64_t)SIZE_LEAST << 32) / share;
  return block_new(size < SIZE_MOST ? size : SIZE_MOST);
}

int main(int argc, char **argv) {
  uint64_t ops = bench_arg(argc, argv, 1, 1), blocks = bench_arg(argc, argv, 2, 1);
  void **block = bench_pages(blocks * sizeof *block);
  uint64_t random = bench_seed(1);
  double seconds;
  if (blocks > UINT32_MAX) bench_die("an argument is above 2^32");
  for (uint64_t i = 0; i < blocks; i++) block[i] = pareto_new(&random);

  seconds = bench_now();
  for (uint64_t i = 0; i < ops; i++) {
    void **slot = &block[bench_scale(bench_random(&random), blocks)];
    block_free(*slot);
    *slot = pareto_new(&random);
  }
  seconds = bench_now() - seconds;

  for (uint64_t i = 0; i < blocks; i++) block_free(block[i]);
  bench_result(ops, seconds);
  bench_proof();
  return 0;
}
