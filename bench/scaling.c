/* scaling - does throughput grow with threads that share nothing as it does without malloc?
 *
 * Usage: scaling OPS FEW MANY ROUNDS
 * Each thread replaces random blocks of 16..512 bytes out of 1,024 of its own; the loop beside it
 * does the same to fixed memory, without malloc and free. Both run with FEW and with MANY threads,
 * in turn, ROUNDS times; OPS is the total of a run, so that all take as long where threads gain
 * nothing. Of each the fastest run counts: what else the machine does only makes runs slower.
 *     growth: throughput with MANY threads over that with FEW; growth-loop: the same of the loop
 *     growth/loop: the one over the other, 1.00 when malloc scales as far as the machine does
 */
#include "block.h"
#include "crew.h"

#define SIZE_LEAST 16
#define SIZE_SPAN 497 /* up to 512 bytes */
#define SIZE_MOST 512
#define BLOCKS 1024 /* of each thread */

struct task {
  uint64_t ops;
  uint64_t seed;
  uint8_t *fixed; /* the loop's memory */
  void *block[BLOCKS];
  char apart[128 - 3 * sizeof(uint64_t)];
};

static size_t size_of(uint64_t bits) {
  return SIZE_LEAST + bench_scale(bits, SIZE_SPAN);
}

static void work_malloc(void *argument) {
  struct task *task = argument;
  uint64_t random = bench_seed(task->seed);
  for (unsigned i = 0; i < BLOCKS; i++) task->block[i] = block_new(size_of(bench_random(&random)));
  for (uint64_t i = 0; i < task->ops; i++) {
    uint64_t bits = bench_random(&random);
    void **slot = &task->block[(bits >> 32) % BLOCKS];
    block_free(*slot);
    *slot = block_new(size_of(bits));
  }
  for (unsigned i = 0; i < BLOCKS; i++) block_free(task->block[i]);
}

static void work_loop(void *argument) {
  struct task *task = argument;
  uint64_t random = bench_seed(task->seed);
  for (unsigned i = 0; i < BLOCKS; i++)
    block_mark(task->fixed + i * SIZE_MOST, size_of(bench_random(&random)));
  for (uint64_t i = 0; i < task->ops; i++) {
    uint64_t bits = bench_random(&random);
    void *fixed = task->fixed + (bits >> 32) % BLOCKS * SIZE_MOST;
    block_check(fixed);
    bench_keep(fixed);
    block_mark(fixed, size_of(bits));
    bench_keep(fixed);
  }
}

/* Runs WORK with THREADS threads; returns the lesser of its seconds and BEST, unless that is 0. */
static double measure(void (*work)(void *), struct task *task, uint64_t threads, uint64_t ops,
                      double best) {
  static struct crew_member member[CREW_MAX];
  double seconds;
  for (uint64_t i = 0; i < threads; i++) {
    task[i].ops = ops / threads;
    member[i].work = work;
    member[i].task = &task[i];
  }
  seconds = crew_run(member, threads);
  return best == 0 || seconds < best ? seconds : best;
}

int main(int argc, char **argv) {
  uint64_t ops = bench_arg(argc, argv, 1, 1), few = bench_arg(argc, argv, 2, 1);
  uint64_t many = bench_arg(argc, argv, 3, few), rounds = bench_arg(argc, argv, 4, 1);
  struct task *task = bench_pages(CREW_MAX * sizeof *task);
  double malloc_few = 0, malloc_many = 0, loop_few = 0, loop_many = 0, seconds;
  if (many > CREW_MAX) bench_die("more than 64 threads");
  for (uint64_t i = 0; i < many; i++) {
    task[i].seed = i;
    task[i].fixed = bench_pages(BLOCKS * SIZE_MOST);
  }
  seconds = bench_now();
  for (uint64_t i = 0; i < rounds; i++) {
    malloc_few = measure(work_malloc, task, few, ops, malloc_few);
    loop_few = measure(work_loop, task, few, ops, loop_few);
    malloc_many = measure(work_malloc, task, many, ops, malloc_many);
    loop_many = measure(work_loop, task, many, ops, loop_many);
  }
  seconds = bench_now() - seconds;
  dprintf(STDOUT_FILENO, "seconds: %.6f\nops/s-few: %.0f\nops/s-many: %.0f\n", seconds,
          (double)ops / malloc_few, (double)ops / malloc_many);
  dprintf(STDOUT_FILENO, "growth: %.4f\ngrowth-loop: %.4f\ngrowth/loop: %.4f\n",
          malloc_few / malloc_many, loop_few / loop_many,
          malloc_few / malloc_many / (loop_few / loop_many));
  bench_proof();
  return 0;
}
