/* heaps - which heap serves which size, and whether anything is lost where there are two.
 *
 *   owners         requests by every function: how many of those up to 1 KiB are hakmem's, how many
 *                  of the larger ones
 *   border         blocks that grow and shrink across 1 KiB: is their content kept?
 *   wide           large blocks at large alignments, resized and freed
 *   apart          24 blocks at multiples of 64 MiB, each elsewhere in its mapping
 *   blocked        large blocks while something lies above the break, so that it cannot grow
 *   astray WHAT    free of what nobody owns: unmapped, odd, stack or zeros
 *   mix SEED       20,000 random operations of every function: blocks whose content changed
 *   threads        the same by four threads that free each other's blocks
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 400, STEPS = 20000, THREADS = 4, WAYS = 8, BORDER = 1024 };

static int (*hak_owns)(const void *);

/* WAY 0..7: the functions that give a block of SIZE bytes. */
static void *obtain(unsigned way, size_t size) {
  void *p = NULL;
  switch (way) {
    case 0: return malloc(size);
    case 1: return calloc(1, size);
    case 2: return realloc(NULL, size);
    case 3: return aligned_alloc(64, size);
    case 4: return posix_memalign(&p, 4096, size) ? NULL : p;
    case 5: return memalign(256, size);
    case 6: return reallocarray(NULL, 1, size);
    default: return valloc(size);
  }
}

/* The same, and blocks that became SIZE bytes large, or small, by realloc. */
static void *obtain_resized(unsigned way, size_t size) {
  if (way < WAYS) return obtain(way, size);
  return realloc(malloc(way == WAYS ? 10 : 3 * size + 2000), size);
}

static void owners(void) {
  static const size_t size[] = {1, 16, 500, 1023, 1024, 1025, 2000, 5000, 40000, 200000, 5000000};
  enum { SIZES = sizeof size / sizeof *size, SMALL = 5, ALL = WAYS + 2 };
  unsigned owned[2] = {0};
  for (unsigned i = 0; i < SIZES; i++) {
    for (unsigned way = 0; way < ALL; way++) {
      void *p = obtain_resized(way, size[i]);
      if (!p) printf("NULL for %zu\n", size[i]);
      if (malloc_usable_size(p) < size[i]) printf("too little for %zu\n", size[i]);
      owned[size[i] > BORDER] += (unsigned)hak_owns(p) & 1;
      free(p);
    }
  }
  printf("small %u of %d, large %u of %d\n", owned[0], SMALL * ALL, owned[1],
         (SIZES - SMALL) * ALL);
}

/* --- content --- */

struct block {
  unsigned char *p;
  size_t size;
  unsigned char seed;
};

static void paint(struct block *b) {
  for (size_t i = 0; i < b->size; i++) b->p[i] = (unsigned char)(b->seed + i * 7);
}

static int spoilt(const struct block *b, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (b->p[i] != (unsigned char)(b->seed + i * 7)) return 1;
  return 0;
}

/* Resizes B, which holds what it did up to the smaller of both sizes. */
static int resize(struct block *b, size_t size) {
  size_t kept = size < b->size ? size : b->size;
  unsigned char *p = realloc(b->p, size);
  int bad;
  if (!p) return 1;
  b->p = p;
  bad = spoilt(b, kept);
  b->size = size;
  paint(b);
  return bad;
}

static void border(void) {
  static const size_t size[] = {1000, 2000, 10, 100000, 1024, 1025, 1024, 3000000, 1, 5000, 4000};
  int bad = 0;
  for (unsigned way = 0; way < WAYS; way++) {
    for (unsigned first = 0; first < 2; first++) {
      struct block b = {obtain(way, size[first]), size[first], (unsigned char)way};
      paint(&b);
      for (unsigned i = 0; i < sizeof size / sizeof *size; i++) bad += resize(&b, size[i]);
      free(b.p);
    }
  }
  printf("border: %d changed\n", bad);
}

static void wide(void) {
  int bad = 0;
  for (size_t align = 4096; align <= (size_t)64 << 20; align *= 4) {
    for (size_t size = 100; size < 10000000; size *= 10) {
      struct block b = {aligned_alloc(align, size), size, 5};
      if (!b.p || (uintptr_t)b.p % align || malloc_usable_size(b.p) < size) bad++;
      if (!b.p) continue;
      paint(&b);
      bad += resize(&b, size + size / 2);
      bad += resize(&b, 1000);
      free(b.p);
      free(aligned_alloc(align, size));
    }
  }
  printf("wide: %d bad\n", bad);
}

static void apart(void) {
  enum { BLOCKS = 24, ALIGN = 64 << 20, SIZE = 3000000 };
  void *p[BLOCKS];
  int bad = 0;
  for (int i = 0; i < BLOCKS; i++) {
    p[i] = aligned_alloc(ALIGN, SIZE);
    if (!p[i] || (uintptr_t)p[i] % ALIGN || malloc_usable_size(p[i]) < SIZE) bad++;
  }
  for (int i = 0; i < BLOCKS; i++) free(p[i]);
  printf("apart: %d bad\n", bad);
}

/* Libc's main arena goes on in mappings. */
static void blocked(void) {
  enum { BLOCKS = 3000, SIZE = 3000 };
  static struct block b[BLOCKS];
  int bad = 0;
  char *beyond = (char *)(((uintptr_t)sbrk(0) | 0xfffff) + 1);
  void *lid = mmap(beyond, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (lid != beyond) bad++;
  for (int i = 0; i < BLOCKS; i++) {
    b[i] = (struct block){malloc(SIZE), SIZE, (unsigned char)i};
    if (b[i].p) paint(&b[i]);
  }
  for (int i = 0; i < BLOCKS; i++) {
    bad += !b[i].p || malloc_usable_size(b[i].p) < SIZE || resize(&b[i], i % 2 ? 2 * SIZE : 500);
    free(b[i].p);
  }
  printf("blocked: %d bad\n", bad);
}

static void astray(const char *what) {
  char local[256] __attribute__((aligned(64)));
  char *p = (char *)0x1234560;
  memset(local, 1, sizeof local);
  if (!strcmp(what, "odd")) p = local + 3;
  if (!strcmp(what, "stack")) p = local + 64;
  if (!strcmp(what, "zeros")) p = (char *)calloc(1, 300000) + 4096;
  __asm__ volatile("" : "+r"(p) : : "memory");
  free(p);
  printf("astray: taken\n");
}

/* --- a mix --- */

struct mix {
  struct block slot[SLOTS];
  unsigned random;
  int bad;
};

static _Atomic(struct block *) exchange[SLOTS]; /* blocks handed from thread to thread */

static unsigned next_random(struct mix *m) {
  m->random = m->random * 1664525 + 1013904223;
  return m->random >> 8;
}

static size_t random_size(struct mix *m) {
  static const size_t most[] = {64, 1024, 1200, 5000, 70000, 300000};
  return next_random(m) % most[next_random(m) % 6] + 1;
}

static void renew(struct mix *m, struct block *b) {
  if (b->p) m->bad += spoilt(b, b->size);
  free(b->p);
  b->size = random_size(m);
  b->seed = (unsigned char)next_random(m);
  b->p = obtain(next_random(m) % WAYS, b->size);
  if (b->p) paint(b);
  else b->size = 0, m->bad++;
}

/* Puts a block of its own there, and frees the one that lay there: another thread's, mostly. */
static void pass_on(struct mix *m) {
  struct block *mine = calloc(1, sizeof *mine);
  if (!mine) return;
  renew(m, mine);
  mine = atomic_exchange(&exchange[next_random(m) % SLOTS], mine);
  if (!mine) return;
  m->bad += spoilt(mine, mine->size);
  free(mine->p);
  free(mine);
}

static void *run_mix(void *pointer) {
  struct mix *m = pointer;
  for (int i = 0; i < STEPS; i++) {
    struct block *b = &m->slot[next_random(m) % SLOTS];
    unsigned what = next_random(m) % 4;
    if (what == 0 && b->p) m->bad += resize(b, random_size(m));
    else if (what == 1) pass_on(m);
    else renew(m, b);
  }
  for (int i = 0; i < SLOTS; i++) {
    if (m->slot[i].p) m->bad += spoilt(&m->slot[i], m->slot[i].size);
    free(m->slot[i].p);
  }
  return NULL;
}

static void threads(void) {
  static struct mix mix[THREADS];
  pthread_t thread[THREADS];
  int bad = 0;
  for (unsigned i = 0; i < THREADS; i++) {
    mix[i].random = i + 1;
    pthread_create(&thread[i], NULL, run_mix, &mix[i]);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(thread[i], NULL);
    bad += mix[i].bad;
  }
  printf("threads: %d changed\n", bad);
}

int main(int argc, char **argv) {
  static struct mix mix;
  hak_owns = (int (*)(const void *))dlsym(RTLD_DEFAULT, "hak_owns");
  if (argc < 2 || !hak_owns) return 2;
  if (!strcmp(argv[1], "owners")) owners();
  if (!strcmp(argv[1], "border")) border();
  if (!strcmp(argv[1], "wide")) wide();
  if (!strcmp(argv[1], "apart")) apart();
  if (!strcmp(argv[1], "blocked")) blocked();
  if (!strcmp(argv[1], "astray") && argc == 3) astray(argv[2]);
  if (!strcmp(argv[1], "threads")) threads();
  if (!strcmp(argv[1], "mix") && argc == 3) {
    mix.random = (unsigned)strtoul(argv[2], NULL, 0);
    run_mix(&mix);
    printf("mix: %d changed\n", mix.bad);
  }
  return 0;
}
