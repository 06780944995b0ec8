/* crew - threads that begin at the same moment, and the time from the first start to the last end.
 *
 * Each thread takes its own time: the one that waits for them may be woken late.
 */
#ifndef HAK_BENCH_CREW_H
#define HAK_BENCH_CREW_H

#include "bench.h"

#include <pthread.h>

#define CREW_MAX 64

struct crew_member {
  void (*work)(void *task);
  void *task;
  pthread_barrier_t *start;
  double begun, ended; /* bench_now */
};

static inline void *crew_live(void *argument) {
  struct crew_member *member = argument;
  pthread_barrier_wait(member->start);
  member->begun = bench_now();
  member->work(member->task);
  member->ended = bench_now();
  return NULL;
}

/* Runs members 0 .. COUNT-1, whose work and task are set, each in a thread; returns seconds. */
__attribute__((unused)) static double crew_run(struct crew_member *member, uint64_t count) {
  pthread_t thread[CREW_MAX];
  pthread_barrier_t start;
  double first, last;
  if (count == 0 || count > CREW_MAX) bench_die("threads are 1 to 64");
  pthread_barrier_init(&start, NULL, (unsigned)count);
  for (uint64_t i = 0; i < count; i++) {
    member[i].start = &start;
    if (pthread_create(&thread[i], NULL, crew_live, &member[i])) bench_die("no thread");
  }
  for (uint64_t i = 0; i < count; i++) pthread_join(thread[i], NULL);
  pthread_barrier_destroy(&start);
  first = member[0].begun;
  last = member[0].ended;
  for (uint64_t i = 1; i < count; i++) {
    if (member[i].begun < first) first = member[i].begun;
    if (member[i].ended > last) last = member[i].ended;
  }
  return last - first;
}

#endif
