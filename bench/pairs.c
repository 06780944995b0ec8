/* pairs - how many instructions does one malloc with its free take, when the cache is warm?
 *
 * Usage: pairs SIZE DEPTH ROUNDS
 * Each round allocates DEPTH blocks of SIZE bytes and frees them. To be counted, not timed: run it
 * under callgrind with two numbers of rounds, and take the difference, so that everything outside
 * the loop cancels; then take away the same difference with null_malloc.so preloaded, so that the
 * loop and the calls through the PLT cancel as well.
 */
#include "bench.h"

#define DEPTH_MAX 64

static void *block[DEPTH_MAX];

int main(int argc, char **argv) {
  size_t size = bench_arg(argc, argv, 1, 0);
  uint64_t depth = bench_arg(argc, argv, 2, 1), rounds = bench_arg(argc, argv, 3, 1);
  if (depth > DEPTH_MAX) bench_die("the depth is above 64");
  for (uint64_t round = 0; round < rounds; round++) {
    for (uint64_t i = 0; i < depth; i++) {
      block[i] = malloc(size);
      bench_keep(block[i]);
    }
    for (uint64_t i = 0; i < depth; i++) free(block[i]);
  }
  if (!block[0]) bench_die("malloc returned NULL");
  bench_proof();
  return 0;
}
