/* zeroed - how many blocks per second does calloc give, and are they zero?
 *
 * Usage: zeroed OPS BLOCKS MIN_SIZE MAX_SIZE STEP
 * One thread. Each operation frees a random one of BLOCKS blocks and gets one of a random size from
 * calloc in its place. Of that every STEP-th byte and the last one must be zero; they are then
 * overwritten, so that memory which comes again is not. With a STEP of a page, a large block is
 * used as sparse tables are.
 */
#include "bench.h"

static void *zeroed_new(size_t size, size_t step) {
  uint8_t *p = calloc(1, size);
  if (!p) bench_die("calloc returned NULL");
  for (size_t i = 0; i < size; i += step) {
    if (p[i]) bench_corrupted(p, size, "calloc gave a byte that is not zero");
    p[i] = 0xa5;
  }
  if (p[size - 1] && (size - 1) % step) bench_corrupted(p, size, "its last byte is not zero");
  p[size - 1] = 0xa5;
  return p;
}

int main(int argc, char **argv) {
  uint64_t ops = bench_arg(argc, argv, 1, 1), blocks = bench_arg(argc, argv, 2, 1);
  uint64_t min = bench_arg(argc, argv, 3, 1), span = bench_arg(argc, argv, 4, min) - min + 1;
  uint64_t step = bench_arg(argc, argv, 5, 1), random = bench_seed(1);
  void **block = bench_pages(blocks * sizeof *block);
  double seconds = bench_now();
  if (blocks > UINT32_MAX || span > UINT32_MAX) bench_die("an argument is above 2^32");
  for (uint64_t i = 0; i < ops; i++) {
    uint64_t bits = bench_random(&random);
    void **slot = &block[bench_scale(bits >> 32, blocks)];
    free(*slot);
    *slot = zeroed_new(min + bench_scale(bits, span), step);
  }
  seconds = bench_now() - seconds;
  bench_result(ops, seconds);
  bench_proof();
  return 0;
}
