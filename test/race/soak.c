/* soak - three patterns that make heaps grow in the long run, and what is resident meanwhile.
 *
 * usage: soak [SECONDS [FILE.csv]]      SECONDS are else HAK_SOAK, or 24
 *
 * A thread that only frees what others allocate; threads that end and are replaced; sizes that
 * shift with time. Each second a line of live bytes (known by the program, as asked for), of the
 * kernel's VmRSS and of the bytes that hakmem retains goes to FILE. Passes when in the second half
 * resident memory above live grows by less than BOUND per hour. The figure swings by some 10 MiB
 * with the sizes, so what a slope of so few seconds cannot tell apart from that is allowed.
 */
#include "../api/api.h"

#include <pthread.h>
#include <time.h>

enum {
  QUEUE = 4096,        /* blocks on their way to the thread that only frees */
  SLOTS = 65536,       /* places of a shifting thread, for 4 MiB of blocks of any size */
  PHASES = 20,         /* 64 bytes to 32 KiB and back */
  PHASE_MS = 150,
  CYCLE = PHASES * PHASE_MS / 1000, /* seconds */
  MOST_SECONDS = 20000,
  SHIFTERS = 2,
};

#define BOUND (4 * MIB) /* bytes an hour */
#define NOISE (80 * MIB) /* bytes, divided by the root of the seconds: 2 MiB in an hour */

typedef int counter_fn(const char *name, uint64_t *value);

static int64_t live; /* [any] bytes asked for and not freed */
static int stop;     /* [any] */
static int started_ms;
static void *queue[QUEUE]; /* [any] exchanged atomically */

struct sample {
  double live, resident, retained;
};
static struct sample samples[MOST_SECONDS];

static int stopped(void) { return __atomic_load_n(&stop, __ATOMIC_RELAXED); }

static int now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int)(t.tv_sec % 1000000 * 1000 + t.tv_nsec / 1000000) - started_ms;
}

/* The size stands at the block's start. */
static void *take(size_t size) {
  size_t *p;
  if (size < sizeof size) size = sizeof size;
  p = malloc(size);
  if (!p) exit(2);
  memset(p, 1, size);
  *p = size;
  __atomic_fetch_add(&live, (int64_t)size, __ATOMIC_RELAXED);
  return p;
}

static void give(void *p) {
  if (!p) return;
  __atomic_fetch_sub(&live, (int64_t) * (size_t *)p, __ATOMIC_RELAXED);
  free(p);
}

static size_t any_size(uint64_t *random) {
  static const size_t tops[] = {64, 64, 512, 512, 4000, 30000};
  uint64_t kind = api_random(random) % 1000;
  if (kind == 0) return (size_t)(api_random(random) % (3 * MIB));
  return 1 + (size_t)(api_random(random) % tops[kind % COUNT_OF(tops)]);
}

/* Allocates into the queue; what is there already is left to the thread that frees. */
static void *produce(void *unused) {
  uint64_t random = 77;
  while (!stopped()) {
    void **place = &queue[api_random(&random) % QUEUE];
    void *none = NULL;
    void *p;
    if (__atomic_load_n(place, __ATOMIC_RELAXED)) continue;
    p = take(any_size(&random));
    if (!__atomic_compare_exchange_n(place, &none, p, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      give(p);
  }
  return unused;
}

static void *only_free(void *unused) {
  for (size_t i = 0; !stopped(); i = (i + 1) % QUEUE)
    give(__atomic_exchange_n(&queue[i], NULL, __ATOMIC_ACQ_REL));
  return unused;
}

/* Some 500 blocks of all sizes, half of them freed by the next thread in line. */
static void *short_life(void *left) {
  void **blocks = left;
  uint64_t random = (uint64_t)now_ms() * 2 + 1;
  for (size_t i = 0; i < 250; i++) give(blocks[i]);
  for (size_t i = 0; i < 250; i++) {
    void *own = take(any_size(&random));
    blocks[i] = take(any_size(&random));
    give(own);
  }
  return NULL;
}

static void *replace_threads(void *unused) {
  static void *left[250];
  while (!stopped()) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, short_life, left) != 0) exit(2);
    pthread_join(thread, NULL);
  }
  for (size_t i = 0; i < COUNT_OF(left); i++) give(left[i]);
  return unused;
}

static void *windows[SHIFTERS][SLOTS];

/* Some 4 MiB of blocks whose size doubles with each phase and halves again: what an earlier size
 * left must serve the next. */
static void *shift(void *number) {
  void **window = windows[(uintptr_t)number];
  uint64_t random = (uintptr_t)number * 2 + 1;
  size_t held = SLOTS;
  while (!stopped()) {
    unsigned phase = (unsigned)(now_ms() / PHASE_MS + (int)(uintptr_t)number * 7) % PHASES;
    size_t size = (size_t)64 << (phase < PHASES / 2 ? phase : PHASES - 1 - phase);
    size_t slots = SLOTS * 64 / size;
    size_t i = (size_t)(api_random(&random) % slots);
    for (; held > slots; held--) {
      give(window[held - 1]);
      window[held - 1] = NULL;
    }
    held = slots;
    give(window[i]);
    window[i] = take(size + (size_t)(api_random(&random) % size));
  }
  for (size_t i = 0; i < SLOTS; i++) give(window[i]);
  return NULL;
}

static uint64_t retained(void) {
  counter_fn *counter;
  uint64_t value = 0;
  *(void **)&counter = dlsym(RTLD_DEFAULT, "hak_counter");
  if (counter) counter("super.retained_bytes", &value);
  return value;
}

/* Takes a sample each second and writes it down. Returns how many. */
static size_t watch(size_t seconds, FILE *csv) {
  size_t n = 0;
  if (csv) fprintf(csv, "second,live,resident,retained\n");
  for (; n < seconds && n < MOST_SECONDS; n++) {
    int rest = (int)(n + 1) * 1000 - now_ms();
    if (rest > 0) usleep((unsigned)rest * 1000);
    samples[n] = (struct sample){(double)__atomic_load_n(&live, __ATOMIC_RELAXED),
                                 (double)api_resident(), (double)retained()};
    if (csv) fprintf(csv, "%zu,%.0f,%.0f,%.0f\n", n + 1, samples[n].live, samples[n].resident,
                     samples[n].retained);
    if (csv) fflush(csv);
  }
  return n;
}

/* Is GROWTH within SECONDS more than the bound and the noise? */
static int grows(double growth, double seconds) {
  double beyond = growth - BOUND * seconds / 3600;
  return beyond > 0 && beyond * beyond * seconds > (double)NOISE * NOISE;
}

/* Resident minus live, the mean of the cycle that ends with sample I. */
static double above(size_t i) {
  double sum = 0;
  for (size_t k = i + 1 - CYCLE; k <= i; k++) sum += samples[k].resident - samples[k].live;
  return sum / CYCLE;
}

/* The slope of that over the samples FROM to END, in bytes a second: least squares. */
static double slope(size_t from, size_t end) {
  double n = (double)(end - from), t = 0, y = 0, tt = 0, ty = 0;
  for (size_t i = from; i < end; i++) {
    t += (double)i;
    y += above(i);
    tt += (double)i * (double)i;
    ty += (double)i * above(i);
  }
  return (n * ty - t * y) / (n * tt - t * t);
}

int main(int argc, char **argv) {
  const char *wanted = argc > 1 ? argv[1] : getenv("HAK_SOAK");
  size_t seconds = wanted ? strtoul(wanted, NULL, 10) : 24;
  FILE *csv = argc > 2 ? fopen(argv[2], "w") : NULL;
  pthread_t thread[3 + SHIFTERS];
  double growth, half;
  size_t n;
  if (seconds < 10 || (argc > 2 && !csv)) {
    fprintf(stderr, "soak: wants at least 10 seconds, and a file that can be written\n");
    return 2;
  }
  api_preload(argv);
  api_served();
  test_begin(
      "resident memory above live does not grow: a thread only frees, threads end, sizes shift");
  memset(windows, 1, sizeof windows); /* the program's own pages are there from the start */
  memset(windows, 0, sizeof windows);
  memset(samples, 1, sizeof samples);
  started_ms = now_ms();
  pthread_create(&thread[0], NULL, produce, NULL);
  pthread_create(&thread[1], NULL, only_free, NULL);
  pthread_create(&thread[2], NULL, replace_threads, NULL);
  for (uintptr_t i = 0; i < SHIFTERS; i++)
    pthread_create(&thread[3 + i], NULL, shift, (void *)i);
  n = watch(seconds, csv);
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (size_t i = 0; i < COUNT_OF(thread); i++) pthread_join(thread[i], NULL);
  half = (double)(n - n / 2);
  growth = slope(n / 2 + CYCLE - 1, n) * half;
  printf("# second half: %+.0f KiB in %.0f s; live %.1f MiB, resident %.1f at the end\n",
         growth / 1024, half, samples[n - 1].live / 1048576, samples[n - 1].resident / 1048576);
  CHECK_MSG(!grows(growth, half), "%.0f KiB in %.0f seconds", growth / 1024, half);
  for (size_t i = 0; i < QUEUE; i++) give(queue[i]);
  CHECK(live == 0);
  test_end();
  if (csv) fclose(csv);
  return api_close();
}
