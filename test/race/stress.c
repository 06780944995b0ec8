/* stress - random calls by many threads; content, bounds, alignment and overlap are checked.
 *
 * usage: stress [THREADS AMOUNT [SEED]]     AMOUNT: seconds as 5s, or operations per thread
 *
 * Without arguments: 1, 2, 8 and 64 threads for a short while each, then threads that end and are
 * replaced. What a live block must hold follows from its address, its size and the seed. Blocks
 * pass from thread to thread through mailboxes, so that they are freed, and moved by realloc, far
 * from where they came from. The tester's own memory is mapped, never allocated.
 */
#include "../api/api.h"

#include <pthread.h>
#include <stdarg.h>
#include <time.h>

#include "shadow.h"

#define MAILBOXES 1024
#define MOST_THREADS 256

/* A place for a block; empty while p is NULL. It moves between threads as a whole. */
struct record {
  unsigned char *p;
  size_t size;   /* bytes asked for */
  size_t filled; /* bytes that hold the pattern: the size, or all that is usable */
  size_t usable;
  uint64_t key;
};

/* One thread's part; its records outlive it when it is replaced. */
struct worker {
  struct record **slots; /* [owner] each a record that nobody else sees */
  size_t slot_count;
  uint64_t random;
  uint64_t operations; /* in this life: 0 for none but the deadline */
};

static struct record *mailboxes[MAILBOXES]; /* [any] exchanged atomically */
static uint64_t seed_of_run;
static int64_t deadline; /* monotonic nanoseconds */

/* ---- the first thing that went wrong ---- */

static int trouble; /* 0 none, 1 being written, 2 readable once the threads are joined */
static char trouble_text[256];

__attribute__((format(printf, 1, 2))) static void report(const char *format, ...) {
  va_list args;
  if (__atomic_exchange_n(&trouble, 1, __ATOMIC_RELAXED)) return;
  va_start(args, format);
  vsnprintf(trouble_text, sizeof trouble_text, format, args);
  va_end(args);
}

static int in_trouble(void) { return __atomic_load_n(&trouble, __ATOMIC_RELAXED) != 0; }

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *map(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) exit(2);
  return p;
}

/* ---- blocks ---- */

/* Log-uniform: mostly up to 1 KiB, some up to 32 KiB, a few up to 4 MiB; now and then 0. */
static size_t random_size(struct worker *w) {
  unsigned kind = (unsigned)(api_random(&w->random) % 100);
  unsigned bits = kind < 80 ? 10 : kind < 96 ? 15 : 22;
  size_t top = (size_t)1 << (api_random(&w->random) % (bits + 1));
  return (size_t)(api_random(&w->random) % (top + 1));
}

/* What is wrong with the fresh block P that R is to hold; NULL when nothing is. */
static const char *wrong(const struct record *r, const void *p, size_t align) {
  if (!p) return "no block";
  if ((uintptr_t)p % (align < 16 ? 16 : align)) return "misaligned block";
  if (r->usable < r->size) return "usable size below the size";
  if (!shadow_claim(p, r->usable)) return "overlap with a live block";
  return NULL;
}

/* Claims and fills the block P of SIZE bytes that R is to hold. */
static void take(struct worker *w, struct record *r, void *p, size_t size, size_t align) {
  const char *what;
  r->size = size;
  r->usable = p ? malloc_usable_size(p) : 0;
  what = wrong(r, p, align);
  if (what) {
    report("%s: %p, size %zu, usable %zu, alignment %zu", what, p, size, r->usable, align);
    return;
  }
  r->p = p;
  r->key = ((uintptr_t)p ^ seed_of_run) * 0x9E3779B97F4A7C15ULL + size;
  r->filled = api_random(&w->random) % 2 ? size : r->usable;
  api_fill(p, r->filled, r->key);
}

/* Checks what R holds before it is freed or moved; its bytes are nobody's afterwards. */
static void check_out(struct record *r) {
  if (!api_intact(r->p, r->filled, r->filled, r->key))
    report("content of %zu bytes at %p is lost", r->size, (void *)r->p);
  if (malloc_usable_size(r->p) != r->usable)
    report("the usable size of %p changed from %zu", (void *)r->p, r->usable);
  if (!shadow_release(r->p, r->usable)) report("%p was freed under us", (void *)r->p);
}

/* Frees what R holds, unless something is wrong: then the report matters, not the heap. */
static void drop(struct record *r) {
  if (!r->p || in_trouble()) return;
  check_out(r);
  errno = 4711;
  free(r->p);
  if (errno != 4711) report("free changed errno to %d", errno);
  r->p = NULL;
}

static void resize(struct worker *w, struct record *r) {
  size_t size = random_size(w) + 1;
  size_t kept = size < r->size ? size : r->size;
  size_t filled = r->filled;
  uint64_t key = r->key;
  unsigned char *p;
  check_out(r);
  p = realloc(r->p, size);
  if (p && !api_intact(p, filled, kept < filled ? kept : filled, key))
    report("realloc from %zu to %zu bytes lost the content", r->size, size);
  r->p = NULL;
  take(w, r, p, size, 16);
}

static void get_zeroed(struct worker *w, struct record *r) {
  size_t size = random_size(w);
  size_t count = 1 + (size_t)(api_random(&w->random) % 8);
  void *p = calloc(count, size / count);
  if (p && !api_zero(p, count * (size / count))) report("calloc: %zu bytes are not zero", size);
  take(w, r, p, count * (size / count), 16);
}

static void get_aligned(struct worker *w, struct record *r) {
  unsigned bits = api_random(&w->random) % 16 ? 12 : 21;
  size_t align = (size_t)1 << (api_random(&w->random) % (bits + 1));
  size_t size = random_size(w);
  void *p = NULL;
  switch (api_random(&w->random) % 3) {
    case 0: p = aligned_alloc(align, size); break;
    case 1: p = memalign(align, size); break;
    default:
      if (align < sizeof p) align = sizeof p;
      if (posix_memalign(&p, align, size) != 0) p = NULL;
  }
  take(w, r, p, size, align);
}

static void get(struct worker *w, struct record *r) {
  size_t size;
  unsigned way = (unsigned)(api_random(&w->random) % 16);
  if (way == 0) return get_aligned(w, r);
  if (way <= 2) return get_zeroed(w, r);
  size = random_size(w);
  take(w, r, way == 3 ? realloc(NULL, size) : malloc(size), size, 16);
}

/* ---- threads ---- */

/* One random operation on one random slot. */
static void operate(struct worker *w) {
  struct record **slot = &w->slots[api_random(&w->random) % w->slot_count];
  unsigned what = (unsigned)(api_random(&w->random) % 16);
  if (what < 3) {
    struct record **box = &mailboxes[api_random(&w->random) % MAILBOXES];
    *slot = __atomic_exchange_n(box, *slot, __ATOMIC_ACQ_REL);
    return;
  }
  if ((*slot)->p && what < 6) return resize(w, *slot);
  if ((*slot)->p) return drop(*slot);
  get(w, *slot);
}

static void *work(void *argument) {
  struct worker *w = argument;
  for (uint64_t i = 0; !w->operations || i < w->operations; i++) {
    if (in_trouble()) break;
    if (i % 64 == 0 && now() >= deadline) break;
    operate(w);
  }
  return NULL;
}

static struct worker workers[MOST_THREADS];

/* Gives each of COUNT workers its slots, and each mailbox a record; all of them empty. */
static void set_up(size_t count) {
  size_t slots = count >= 64 ? 96 : 2048 / count;
  size_t total = count * slots + MAILBOXES;
  struct record *records = map(total * sizeof *records);
  struct record **table = map(count * slots * sizeof *table);
  for (size_t i = 0; i < count * slots; i++) table[i] = &records[i];
  for (size_t i = 0; i < MAILBOXES; i++) mailboxes[i] = &records[count * slots + i];
  for (size_t i = 0; i < count; i++) {
    workers[i].slots = &table[i * slots];
    workers[i].slot_count = slots;
    workers[i].random = (seed_of_run + i + 1) * 0x9E3779B97F4A7C15ULL | 1;
  }
}

/* Frees all that is left, by the main thread, and gives the tables back. */
static void tear_down(size_t count) {
  size_t slots = workers[0].slot_count, total = count * slots + MAILBOXES;
  struct record *records = mailboxes[0];
  for (size_t i = 0; i < MAILBOXES; i++) {
    if (mailboxes[i] < records) records = mailboxes[i];
    drop(mailboxes[i]);
  }
  for (size_t i = 0; i < count * slots; i++) {
    if (workers[0].slots[i] < records) records = workers[0].slots[i];
    drop(workers[0].slots[i]);
  }
  munmap(records, total * sizeof *records);
  munmap(workers[0].slots, count * slots * sizeof *workers[0].slots);
}

static void start(pthread_t *thread, struct worker *w) {
  if (pthread_create(thread, NULL, work, w) == 0) return;
  printf("FAIL: %s: no thread\n", test_name ? test_name : "stress");
  exit(1);
}

/* Runs COUNT threads until the deadline. With LIFE, each ends after about so many operations, and
 * another takes its place while the rest go on. */
static void run_threads(size_t count, uint64_t operations, uint64_t life) {
  pthread_t threads[MOST_THREADS];
  for (size_t i = 0; i < count; i++) {
    workers[i].operations = life ? life + i * 37 : operations;
    start(&threads[i], &workers[i]);
  }
  for (size_t i = 0; life && !in_trouble() && now() < deadline; i = (i + 1) % count) {
    pthread_join(threads[i], NULL);
    start(&threads[i], &workers[i]);
  }
  for (size_t i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

/* One scenario: its promise about the blocks, then its promise about the invariants. */
static void scenario(size_t count, double seconds, uint64_t operations, uint64_t life) {
  char name[160];
  snprintf(name, sizeof name, "%zu thread%s%s: blocks keep content, bounds and alignment, apart",
           count, count == 1 ? "" : "s", life ? " that end and are replaced" : "");
  test_begin(name);
  alarm(120 + (unsigned)(operations ? 1000 : seconds));
  set_up(count);
  deadline = now() + (int64_t)(seconds * 1e9);
  run_threads(count, operations, life);
  tear_down(count);
  CHECK_MSG(!in_trouble(), "%s (seed %ju)", trouble_text, (uintmax_t)seed_of_run);
  test_end();
  trouble = 0;
  snprintf(name, sizeof name, "%zu thread%s%s: the invariants hold when all are joined", count,
           count == 1 ? "" : "s", life ? " that end and are replaced" : "");
  api_invariants(name);
}

static void short_runs(void) {
  static const size_t counts[] = {1, 2, 8, 64};
  for (size_t i = 0; i < COUNT_OF(counts); i++) scenario(counts[i], 1.5, 0, 0);
  scenario(2, 1.0, 0, 200);
  scenario(8, 1.0, 0, 1000);
  scenario(64, 1.5, 0, 3000);
}

int main(int argc, char **argv) {
  seed_of_run = argc > 3 ? strtoull(argv[3], NULL, 0) : 20230801;
  api_preload(argv);
  api_served();
  if (argc > 2) {
    char *unit;
    size_t count = strtoul(argv[1], NULL, 10);
    double amount = strtod(argv[2], &unit);
    int timed = *unit == 's';
    if (count < 1 || count > MOST_THREADS || amount <= 0) return 2;
    scenario(count, timed ? amount : 1e6, timed ? 0 : (uint64_t)amount, 0);
  } else {
    short_runs();
  }
  return api_close();
}
