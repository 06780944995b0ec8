/* batch - what does the order cost in which a batch of blocks is freed?
 *
 * Usage: batch BLOCKS ROUNDS MIN_SIZE MAX_SIZE same|reverse|random
 * One thread. Each round allocates BLOCKS blocks of random sizes and then frees all of them: in
 * the order of their allocation, in the reverse order, or in a random order that was drawn before.
 * An operation is one malloc with its free.
 */
#include "block.h"

enum order { ORDER_SAME, ORDER_REVERSE, ORDER_RANDOM };

static const char *const order_name[] = {"same", "reverse", "random", NULL};

/* Which block is freed first, second, ...: a permutation (Fisher and Yates). */
static void order_draw(uint32_t *order, uint64_t blocks, enum order kind, uint64_t *random) {
  for (uint64_t i = 0; i < blocks; i++)
    order[i] = (uint32_t)(kind == ORDER_REVERSE ? blocks - 1 - i : i);
  if (kind != ORDER_RANDOM) return;
  for (uint64_t i = blocks - 1; i > 0; i--) {
    uint64_t j = bench_scale(bench_random(random), i + 1);
    uint32_t taken = order[i];
    order[i] = order[j];
    order[j] = taken;
  }
}

int main(int argc, char **argv) {
  uint64_t blocks = bench_arg(argc, argv, 1, 1), rounds = bench_arg(argc, argv, 2, 1);
  uint64_t min = bench_arg(argc, argv, 3, BLOCK_LEAST);
  uint64_t span = bench_arg(argc, argv, 4, min) - min + 1, random = bench_seed(1);
  void **block = bench_pages(blocks * sizeof *block);
  uint32_t *order = bench_pages(blocks * sizeof *order);
  double seconds;
  if (blocks > UINT32_MAX || min + span > UINT32_MAX) bench_die("an argument is above 2^32");
  order_draw(order, blocks, bench_choice(argc, argv, 5, order_name), &random);

  seconds = bench_now();
  for (uint64_t round = 0; round < rounds; round++) {
    for (uint64_t i = 0; i < blocks; i++)
      block[i] = block_new(min + bench_scale(bench_random(&random), span));
    for (uint64_t i = 0; i < blocks; i++) block_free(block[order[i]]);
  }
  seconds = bench_now() - seconds;

  bench_result(blocks * rounds, seconds);
  bench_proof();
  return 0;
}
