/* lifetimes - how many blocks per second when lives are short, long and ended by other threads?
 *
 * Usage: lifetimes OPS THREADS
 * Of the blocks of a thread, three quarters live for 64 allocations, one in 8 for some thousands,
 * one in 32 for some hundred thousands, and the others are laid on a shared table, where whichever
 * thread needs the place frees them. Most sizes are 16..255 bytes, one in 16 is up to 4 KiB. An
 * operation is one malloc and in time its free; OPS is the total of all threads.
 */
#include "block.h"
#include "crew.h"

#include <stdatomic.h>

#define SHORT_LIVED 64
#define MEDIUM_LIVED 1024
#define LONG_LIVED 8192
#define SHARED 4096

struct task {
  uint64_t blocks;
  uint64_t seed;
  void *brief[SHORT_LIVED];
  void *medium[MEDIUM_LIVED];
  void *lasting[LONG_LIVED];
};

static void *_Atomic shared[SHARED];

static void *lifetimes_new(uint64_t bits) {
  uint64_t span = bits >> 60 ? 240 : 4080;
  return block_new(16 + bench_scale(bits, span));
}

/* Puts a block in the place of another; returns the other, or NULL. */
static void *swap(void **place, void *block) {
  void *old = *place;
  *place = block;
  return old;
}

static void work(void *argument) {
  struct task *task = argument;
  uint64_t random = bench_seed(task->seed);
  for (uint64_t i = 0; i < task->blocks; i++) {
    void *block = lifetimes_new(bench_random(&random)), *old;
    uint64_t bits = bench_random(&random), place = bits >> 32;
    unsigned kind = bits % 32;
    if (kind < 24)
      old = swap(&task->brief[i % SHORT_LIVED], block);
    else if (kind < 28)
      old = swap(&task->medium[place % MEDIUM_LIVED], block);
    else if (kind < 29)
      old = swap(&task->lasting[place % LONG_LIVED], block);
    else
      old = atomic_exchange(&shared[place % SHARED], block);
    if (old) block_free(old);
  }
}

static void free_all(void **block, uint64_t count) {
  for (uint64_t i = 0; i < count; i++)
    if (block[i]) block_free(block[i]);
}

int main(int argc, char **argv) {
  static struct crew_member member[CREW_MAX];
  uint64_t ops = bench_arg(argc, argv, 1, 1), threads = bench_arg(argc, argv, 2, 1);
  struct task *task = bench_pages(threads * sizeof *task);
  double seconds;
  if (threads > CREW_MAX) bench_die("more than 64 threads");
  for (uint64_t i = 0; i < threads; i++) {
    task[i].blocks = ops / threads;
    task[i].seed = i;
    member[i].work = work;
    member[i].task = &task[i];
  }
  seconds = crew_run(member, threads);
  for (uint64_t i = 0; i < threads; i++) {
    free_all(task[i].brief, SHORT_LIVED);
    free_all(task[i].medium, MEDIUM_LIVED);
    free_all(task[i].lasting, LONG_LIVED);
  }
  for (uint64_t i = 0; i < SHARED; i++)
    if (shared[i]) block_free(shared[i]);
  bench_result(ops / threads * threads, seconds);
  bench_proof();
  return 0;
}
