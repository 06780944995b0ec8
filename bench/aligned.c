/* aligned - how many aligned blocks per second, and what memory do they take?
 *
 * Usage: aligned OPS BLOCKS MIN_SIZE MAX_SIZE
 * One thread. Each operation frees a random one of BLOCKS blocks and gets one of a random size and
 * of an alignment of 16, 32, ... 4,096 bytes from posix_memalign in its place. A block that is not
 * aligned ends the program with status 1. Sizes are odd, because mimalloc 2.0.9 does not align
 * blocks of 256, 512 and 1,024 bytes to as much.
 */
#include "block.h"

#define ALIGNMENTS 9 /* 16 << 8 is 4,096 */

static void *aligned_new(size_t alignment, size_t size) {
  void *p;
  if (posix_memalign(&p, alignment, size)) bench_die("posix_memalign failed");
  if ((uintptr_t)p % alignment) bench_corrupted(p, size, "it is not aligned");
  block_mark(p, size);
  return p;
}

int main(int argc, char **argv) {
  uint64_t ops = bench_arg(argc, argv, 1, 1), blocks = bench_arg(argc, argv, 2, 1);
  uint64_t min = bench_arg(argc, argv, 3, BLOCK_LEAST);
  uint64_t span = bench_arg(argc, argv, 4, min) - min + 1, random = bench_seed(1);
  void **block = bench_pages(blocks * sizeof *block);
  double seconds = bench_now();
  if (blocks > UINT32_MAX || min + span > UINT32_MAX) bench_die("an argument is above 2^32");
  for (uint64_t i = 0; i < ops; i++) {
    uint64_t bits = bench_random(&random), other = bench_random(&random);
    void **slot = &block[bench_scale(bits >> 32, blocks)];
    if (*slot) block_free(*slot);
    *slot = aligned_new((size_t)16 << (other >> 32) % ALIGNMENTS,
                        (min + bench_scale(bits, span)) | 1);
  }
  seconds = bench_now() - seconds;
  for (uint64_t i = 0; i < blocks; i++)
    if (block[i]) block_free(block[i]);
  bench_result(ops, seconds);
  bench_proof();
  return 0;
}
