/* larson - how many replacements per second when threads free what earlier threads allocated?
 *
 * Usage: larson OPS THREADS MIN_SIZE MAX_SIZE BLOCKS_PER_THREAD LIVES
 * The server pattern of Larson and Krishnan (Memory Allocation for Long-Running Server
 * Applications, ISMM 1998). The main thread fills one array of blocks per chain; a chain is a
 * thread that replaces random blocks of its array (free, malloc), starts its successor on the same
 * array, and ends: so every array passes through LIVES threads, and frees cross threads. OPS is
 * the total number of replacements over all chains: fixed work makes less noise than fixed time.
 * Blocks are marked, and checked at their free.
 */
#include "block.h"

#include <pthread.h>

struct chain {
  void **block;
  uint64_t blocks, min, span; /* sizes are min .. min + span - 1 bytes */
  uint64_t random;
  uint64_t steps;                         /* replacements in one life */
  uint64_t lives;                         /* still to come, the running one included */
  char apart[128 - 7 * sizeof(uint64_t)]; /* chains do not share a pair of cache lines */
};

static pthread_mutex_t end_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t end_signal = PTHREAD_COND_INITIALIZER;
static uint64_t chains_running; /* under end_lock */

static void *chain_new(struct chain *chain) {
  return block_new(chain->min + bench_scale(bench_random(&chain->random), chain->span));
}

static void chain_end(void) {
  pthread_mutex_lock(&end_lock);
  if (--chains_running == 0) pthread_cond_signal(&end_signal);
  pthread_mutex_unlock(&end_lock);
}

static void *chain_live(void *argument);

static void chain_start(struct chain *chain) {
  pthread_attr_t detached;
  pthread_t thread;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  if (pthread_create(&thread, &detached, chain_live, chain)) bench_die("no thread");
  pthread_attr_destroy(&detached);
}

static void *chain_live(void *argument) {
  struct chain *chain = argument;
  for (uint64_t i = 0; i < chain->steps; i++) {
    uint64_t bits = bench_random(&chain->random);
    void **slot = &chain->block[bench_scale(bits >> 32, chain->blocks)];
    block_free(*slot);
    *slot = chain_new(chain);
  }
  if (--chain->lives > 0)
    chain_start(chain);
  else
    chain_end();
  return NULL;
}

static void chains_wait(void) {
  pthread_mutex_lock(&end_lock);
  while (chains_running > 0) pthread_cond_wait(&end_signal, &end_lock);
  pthread_mutex_unlock(&end_lock);
}

static void chain_fill(struct chain *chain) {
  chain->block = bench_pages(chain->blocks * sizeof *chain->block);
  for (uint64_t i = 0; i < chain->blocks; i++) chain->block[i] = chain_new(chain);
}

int main(int argc, char **argv) {
  uint64_t ops = bench_arg(argc, argv, 1, 1), threads = bench_arg(argc, argv, 2, 1);
  struct chain common = {.min = bench_arg(argc, argv, 3, BLOCK_LEAST)};
  struct chain *chain = bench_pages(threads * sizeof *chain);
  double seconds;
  common.span = bench_arg(argc, argv, 4, common.min) - common.min + 1;
  common.blocks = bench_arg(argc, argv, 5, 1);
  common.lives = bench_arg(argc, argv, 6, 1);
  common.steps = ops / threads / common.lives;
  if (common.min + common.span > UINT32_MAX) bench_die("a size is above 2^32");
  for (uint64_t i = 0; i < threads; i++) {
    chain[i] = common;
    chain[i].random = bench_seed(i);
    chain_fill(&chain[i]);
  }

  chains_running = threads;
  seconds = bench_now();
  for (uint64_t i = 0; i < threads; i++) chain_start(&chain[i]);
  chains_wait();
  seconds = bench_now() - seconds;

  for (uint64_t i = 0; i < threads; i++)
    for (uint64_t j = 0; j < common.blocks; j++) block_free(chain[i].block[j]);
  ops = common.steps * common.lives * threads;
  bench_result(ops, seconds);
  bench_proof();
  return 0;
}
