/* sharing - does the allocator make threads write to one cache line?
 *
 * Usage: sharing ROUNDS THREADS SIZE WRITES active|passive
 * The two questions that the Hoard papers ask (Berger and others, ASPLOS 2000). active: each
 * thread allocates a block, increments a number in it WRITES times, frees it, and starts again;
 * blocks of different threads in one cache line make that slow. passive: one thread allocated a
 * first block for each of them, side by side; each frees its own and goes on as before, and an
 * allocator that gives a thread again what it freed keeps them in that line. An operation is one
 * round of a thread, ROUNDS is the total; a number that is not WRITES at the end was written by
 * another thread too.
 */
#include "crew.h"

struct task {
  uint64_t rounds;
  uint64_t *given; /* the block that was allocated for this thread, or NULL */
  char apart[128 - 2 * sizeof(uint64_t)]; /* the tasks themselves share no pair
                                             of lines */
};

static uint64_t size, writes;

static uint64_t *number_new(void) {
  uint64_t *number = malloc(size);
  if (!number) bench_die("malloc returned NULL");
  *number = 0;
  return number;
}

static void number_use(uint64_t *number) {
  volatile uint64_t *shared = number;
  for (uint64_t i = 0; i < writes; i++) *shared = *shared + 1;
  if (*shared != writes) bench_corrupted(number, size, "another thread wrote to it");
  free(number);
}

static void work(void *argument) {
  struct task *task = argument;
  if (task->given) number_use(task->given);
  for (uint64_t i = 0; i < task->rounds; i++) number_use(number_new());
}

int main(int argc, char **argv) {
  static const char *const mode_name[] = {"active", "passive", NULL};
  static struct crew_member member[CREW_MAX];
  static struct task task[CREW_MAX];
  uint64_t rounds = bench_arg(argc, argv, 1, 1), threads = bench_arg(argc, argv, 2, 1);
  unsigned passive = bench_choice(argc, argv, 5, mode_name);
  double seconds;
  size = bench_arg(argc, argv, 3, sizeof(uint64_t));
  writes = bench_arg(argc, argv, 4, 1);
  if (threads > CREW_MAX) bench_die("more than 64 threads");
  for (uint64_t i = 0; i < threads; i++) {
    task[i].rounds = rounds / threads;
    task[i].given = passive ? number_new() : NULL;
    member[i].work = work;
    member[i].task = &task[i];
  }
  seconds = crew_run(member, threads);
  bench_result(rounds / threads * threads, seconds);
  bench_proof();
  return 0;
}
