/* budget - how many instructions do the paths beside a hit take, per block or per thread?
 *
 * Usage: budget PHASE ROUNDS       refill, flush, scatter, remote, calloc, realloc, aligned
 *        budget threads COUNT HOW  each thread takes one block (1) or none (0), one at a time
 * To be counted under callgrind, not timed. Each round of the first form works on BLOCKS blocks.
 * Its phase runs inside `measured`, the function at which collection is switched on and off, and
 * whatever brings the blocks back to where they were runs outside. WARM rounds come first, so that
 * magazines have their final capacity and every name is bound.
 *
 *     refill   allocates blocks that lie free in the thread's current slab
 *     flush    frees them
 *     scatter  frees blocks of eight slabs so that none follows another of its slab
 *     remote   frees blocks of another thread; a semaphore each way hands over strictly
 *     calloc   a calloc and its free; aligned: an aligned_alloc and its free
 *     realloc  resizes within the class of the block
 */
#include "bench.h"

#include <pthread.h>
#include <semaphore.h>

enum {
  BLOCKS = 512, /* several magazines of the largest capacity, all of one slab of SIZE bytes */
  SIZE = 64,    /* bytes */
  LESS = 52,    /* bytes, of the same class */
  ALIGN = 64,   /* bytes */
  APART = 1024, /* bytes: of these, BLOCKS are 8 slabs */
  STRIDE = 195, /* from one block to the next to be freed; odd, so that all have their turn */
  WARM = 64,    /* rounds */
};

static void *block[BLOCKS];
static sem_t taken, freed;

static inline void take(size_t size) {
  for (int i = 0; i < BLOCKS; i++) block[i] = malloc(size);
}

static void take_all(void) {
  take(SIZE);
}

static void free_all(void) {
  for (int i = 0; i < BLOCKS; i++) free(block[i]);
}

static void take_apart(void) {
  take(APART);
}

static void scatter_all(void) {
  for (int i = 0; i < BLOCKS; i++) free(block[i * STRIDE % BLOCKS]);
}

static void calloc_pairs(void) {
  for (int i = 0; i < BLOCKS; i++) {
    void *p = calloc(1, SIZE);
    bench_keep(p);
    free(p);
  }
}

static void aligned_pairs(void) {
  for (int i = 0; i < BLOCKS; i++) {
    void *p = aligned_alloc(ALIGN, SIZE);
    bench_keep(p);
    free(p);
  }
}

static void resize_all(void) {
  for (int i = 0; i < BLOCKS; i++) {
    void *p = realloc(block[i], i % 2 ? SIZE : LESS);
    if (p != block[i]) bench_die("realloc within a class moved the block");
  }
}

static void nothing(void) {}

/* Of its own name in the binary, and no tail call: callgrind sees it begin and end. */
__attribute__((noipa)) static void measured(void (*phase)(void)) {
  phase();
  bench_keep(NULL);
}

__attribute__((noipa)) static void unmeasured(void (*phase)(void)) {
  phase();
  bench_keep(NULL);
}

struct phase {
  const char *name;
  void (*before)(void), (*run)(void), (*after)(void);
};

static const struct phase phases[] = {
    {"refill", nothing, take_all, free_all},        {"flush", take_all, free_all, nothing},
    {"calloc", nothing, calloc_pairs, nothing},     {"aligned", nothing, aligned_pairs, nothing},
    {"realloc", take_all, resize_all, free_all},    {"scatter", take_apart, scatter_all, nothing},
};

static void run_rounds(const struct phase *phase, uint64_t rounds) {
  for (uint64_t round = 0; round < rounds + WARM; round++) {
    phase->before();
    (round < WARM ? unmeasured : measured)(phase->run);
    phase->after();
  }
}

static void *free_for_another(void *argument) {
  uint64_t rounds = *(uint64_t *)argument;
  for (uint64_t round = 0; round < rounds + WARM; round++) {
    sem_wait(&taken);
    (round < WARM ? unmeasured : measured)(free_all);
    sem_post(&freed);
  }
  return NULL;
}

static void run_remote(uint64_t rounds) {
  pthread_t thread;
  sem_init(&taken, 0, 0);
  sem_init(&freed, 0, 0);
  if (pthread_create(&thread, NULL, free_for_another, &rounds)) bench_die("no thread");
  for (uint64_t round = 0; round < rounds + WARM; round++) {
    take_all();
    sem_post(&taken);
    sem_wait(&freed);
  }
  pthread_join(thread, NULL);
}

static void *take_one(void *argument) {
  free(malloc(SIZE));
  return argument;
}

static void *take_none(void *argument) {
  return argument;
}

static void run_threads(uint64_t count, bool takes) {
  for (uint64_t i = 0; i < count; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, takes ? take_one : take_none, NULL)) bench_die("no thread");
    pthread_join(thread, NULL);
  }
}

static const struct phase *find_phase(const char *name) {
  for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
    if (!strcmp(phases[i].name, name)) return &phases[i];
  bench_die("no such phase; the head of the source names them");
}

int main(int argc, char **argv) {
  uint64_t count = bench_arg(argc, argv, 2, 1);
  if (!strcmp(argv[1], "threads"))
    run_threads(count, bench_arg(argc, argv, 3, 0) != 0);
  else if (!strcmp(argv[1], "remote"))
    run_remote(count);
  else
    run_rounds(find_phase(argv[1]), count);
  dprintf(STDOUT_FILENO, "operations: %" PRIu64 "\n", count * BLOCKS);
  bench_proof();
  return 0;
}
