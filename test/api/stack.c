/* stack - what malloc, free and realloc need of it: coroutines often have 8 KiB in all.
 *
 * The calls run on a stack of their own that was painted before. The program runs itself with all
 * names bound, since the loader's way through a first call is not the allocator's.
 */
#include "api.h"

#include <pthread.h>
#include <ucontext.h>

#define MOST (4 * KIB)
#define STACK (64 * KIB)
#define PAINT 0xA5
#define BLOCKS 20000
#define ROUNDS 3
#define PAUSE_US 1100000 /* a look at the cgroup each second at most: each round has one */

static ucontext_t back, coroutine;
static unsigned char *blocks[BLOCKS];
static unsigned char *others[BLOCKS]; /* another thread's */

static void fill(unsigned char **table) {
  for (size_t i = 0; i < BLOCKS; i++) table[i] = (unsigned char *)malloc(1 + i * 7919 % 9000);
}

static void drop(unsigned char **table) {
  for (size_t i = 0; i < BLOCKS; i++) free(table[i]);
}

static void resize(void) {
  for (size_t i = 0; i < BLOCKS; i += 7)
    blocks[i] = (unsigned char *)realloc(blocks[i], 1 + i * 104729 % 300000);
}

static void large(void) {
  unsigned char *p = NULL;
  for (size_t n = 0; n < 60 * MIB; n += MIB) {
    unsigned char *q = (unsigned char *)opaque_ptr(calloc(1, opaque(n)));
    p = (unsigned char *)opaque_ptr(realloc(p, opaque(n + n / 3 + 1)));
    if (q && n) q[n - 1] = 1;
    free(q);
  }
  free(p);
}

static void work(void) {
  for (int round = 0; round < ROUNDS; round++) {
    fill(blocks);
    resize();
    api_shuffle(blocks, BLOCKS, sizeof *blocks, 7);
    drop(blocks);
    large();
    usleep(PAUSE_US);
  }
  drop(others);
}

/* The bytes of stack that work() needs, and its callees. */
static size_t used_by_work(void) {
  unsigned char *stack = (unsigned char *)mmap(NULL, STACK, PROT_READ | PROT_WRITE,
                                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  size_t left = 0;
  memset(stack, PAINT, STACK);
  getcontext(&coroutine);
  coroutine.uc_stack.ss_sp = stack;
  coroutine.uc_stack.ss_size = STACK;
  coroutine.uc_link = &back;
  makecontext(&coroutine, work, 0);
  swapcontext(&back, &coroutine);
  while (left < STACK && stack[left] == PAINT) left++;
  munmap(stack, STACK);
  return STACK - left;
}

static void promise(const char *name, size_t used) {
  test_begin(name);
  CHECK_MSG(used <= MOST, "%zu bytes", used);
  test_end();
  printf("# %zu bytes\n", used);
}

/* The first call of a thread, too, is on the painted stack. */
static void *beside(void *used) {
  *(size_t *)used = used_by_work();
  return used;
}

static void *lend(void *unused) {
  fill(others);
  api_shuffle(others, BLOCKS, sizeof *others, 9);
  return unused;
}

int main(int argc, char **argv) {
  size_t used = 0;
  pthread_t thread;
  if (argc == 1 && !getenv("LD_BIND_NOW")) {
    setenv("LD_BIND_NOW", "1", 1);
    execv("/proc/self/exe", argv);
  }
  api_served();
  promise("one thread's calls need at most 4 KiB of stack", used_by_work());
  CHECK(pthread_create(&thread, NULL, lend, NULL) == 0);
  pthread_join(thread, NULL);
  CHECK(pthread_create(&thread, NULL, beside, &used) == 0);
  pthread_join(thread, NULL);
  promise("so do those of one among several threads", used);
  return api_close();
}
