/* foreign - blocks of libc's own allocator are taken as they come: free, realloc, usable size. */
#include "api.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "../helpers/filter.h"

#pragma weak __libc_malloc
#pragma weak __libc_memalign
#pragma weak __libc_free
extern void *__libc_malloc(size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *p);

/* From libc's break, from an arena of its own for a thread, and mapped one by one. */
static const size_t sizes[] = {1, 24, 100, 1000, 1040, 5000, 33000, 100000, MIB, 5 * MIB};

static struct block blocks[2 * COUNT_OF(sizes)];

/* Fills the table with libc's blocks, every second one with an alignment. */
static void *take(void *unused) {
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    size_t n = sizes[i / 2], align = i % 2 ? 4096 : 16;
    void *p = i % 2 ? __libc_memalign(align, opaque(n)) : __libc_malloc(opaque(n));
    struct block b = {p, n, n, i + 1};
    CHECK_MSG(p != NULL, "libc has no block of %zu bytes", n);
    api_fill(p, n, b.key);
    blocks[i] = b;
  }
  return unused;
}

/* As take, by a thread, for which libc makes an arena away from the break. */
static void *take_in_thread(void *unused) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, take, NULL) == 0);
  pthread_join(thread, NULL);
  return unused;
}

static void not_ours(void) {
  api_owns_fn *owns = api_owns();
  for (size_t i = 0; owns && i < COUNT_OF(blocks); i++)
    CHECK_MSG(owns(blocks[i].p) == 0, "hak_owns(%p) is true of libc's block", (void *)blocks[i].p);
}

static void usable_all(void) {
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    size_t usable = malloc_usable_size(blocks[i].p);
    CHECK_MSG(usable >= blocks[i].size && usable < blocks[i].size + 8192,
              "usable size %zu of libc's block of %zu", usable, blocks[i].size);
    block_verify(&blocks[i]);
  }
}

static void free_all(void) {
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    block_verify(&blocks[i]);
    errno = 4711;
    free(blocks[i].p);
    CHECK_MSG(errno == 4711, "errno became %d", errno);
  }
}

static void realloc_all(void) {
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    struct block *b = &blocks[i];
    size_t to = sizes[(i * 7 + 3) % COUNT_OF(sizes)] + i % 5;
    size_t kept = to < b->size ? to : b->size;
    unsigned char *p = opaque_ptr(realloc(b->p, opaque(to)));
    CHECK_MSG(p && api_intact(p, b->usable, kept, b->key), "content lost from %zu to %zu", b->size,
              to);
    CHECK_MSG(p && malloc_usable_size(p) >= to, "usable size below %zu", to);
    free(p);
  }
}

static void realloc_fails(void) {
  for (size_t i = 0; i < COUNT_OF(blocks); i++) {
    void *p = opaque_ptr(blocks[i].p);
    errno = 0;
    p = opaque_ptr(realloc(p, opaque(SIZE_MAX / 2 + 2)));
    CHECK_MSG(!p && errno == ENOMEM, "realloc gave %p, errno %d", p, errno);
    block_verify(&blocks[i]);
  }
  for (size_t i = 0; i < COUNT_OF(blocks); i++)
    CHECK_MSG(realloc(blocks[i].p, opaque(0)) == NULL, "realloc to 0 is not NULL");
}

static const struct {
  const char *name;
  void (*run)(void);
} uses[] = {
    {"free takes them and preserves errno", free_all},
    {"realloc keeps their content", realloc_all},
    {"realloc fails without harm, to 0 it frees", realloc_fails},
};

static void use_all(const char *where, void *(*taker)(void *)) {
  char name[128];
  snprintf(name, sizeof name, "libc's blocks %s: not hakmem's, malloc_usable_size knows them",
           where);
  test_begin(name);
  taker(NULL);
  not_ours();
  usable_all();
  test_end();
  for (size_t i = 0; i < COUNT_OF(uses); i++) {
    if (i > 0) taker(NULL);
    snprintf(name, sizeof name, "libc's blocks %s: %s", where, uses[i].name);
    test_begin(name);
    uses[i].run();
    test_end();
  }
}

/* Memory that libc gave and took back is used by libc again: the heaps are not mixed. */
static void heaps_stay_apart(void) {
  static struct block mixed[400];
  test_begin("blocks of both heaps live and die among each other unharmed");
  for (int round = 0; round < 20; round++) {
    for (size_t i = 0; i < COUNT_OF(mixed); i++) {
      size_t n = 1 + (i * 131 + (size_t)round * 7) % 3000;
      void *p = i % 2 ? __libc_malloc(opaque(n)) : malloc(opaque(n));
      struct block b = {p, n, n, i};
      api_fill(p, n, b.key);
      mixed[i] = b;
    }
    blocks_apart(mixed, COUNT_OF(mixed));
    api_shuffle(mixed, COUNT_OF(mixed), sizeof *mixed, (uint64_t)round + 1);
    for (size_t i = 0; i < COUNT_OF(mixed); i++) {
      block_verify(&mixed[i]);
      free(mixed[i].p);
    }
  }
  test_end();
}

/* A huge block ends in the middle of 4 MiB, and libc's next mapping may lie behind it. */
static void neighbours(void) {
  char *huge[20], *block[COUNT_OF(huge)];
  size_t behind = 0;
  test_begin("libc's mappings behind our blocks are libc's, too");
  for (size_t i = 0; i < COUNT_OF(huge); i++) huge[i] = malloc(opaque(2500000 + i * 40000));
  for (size_t i = 0; i < COUNT_OF(huge); i++) {
    block[i] = __libc_malloc(opaque(MIB));
    for (size_t j = 0; j < COUNT_OF(huge); j++) behind += (size_t)(block[i] - huge[j]) < 4 * MIB;
  }
  for (size_t i = 0; i < COUNT_OF(huge); i++) {
    CHECK(malloc_usable_size(block[i]) >= MIB);
    free(block[i]);
    free(huge[i]);
  }
  CHECK_MSG(behind || api_any(), "the system put none of them there");
  test_end();
}

/* 2: this system has no filters. */
static int free_without(unsigned number) {
  void *block[] = {__libc_malloc(opaque(100)), __libc_malloc(opaque(5000)),
                   __libc_malloc(opaque(MIB))};
  if (!refuse_calls(number, number)) return 2;
  for (size_t i = 0; i < COUNT_OF(block); i++) free(block[i]);
  return 0;
}

static void sandboxed(const char *promise, unsigned number) {
  pid_t child = fork();
  int status = -1;
  if (child == 0) _exit(free_without(number));
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
    test_skip(promise, "this system lets no program filter its calls");
    return;
  }
  test_begin(promise);
  CHECK_MSG(status == 0, "wait status %#x", (unsigned)status);
  test_end();
}

int main(void) {
  api_served();
  if (!__libc_malloc || !__libc_memalign || !__libc_free) {
    test_skip("libc's own blocks are accepted", "__libc_malloc");
    return api_close();
  }
  neighbours(); /* first: later libc serves such a size from its break */
  use_all("from the break", take);
  use_all("from a thread's arena", take_in_thread);
  heaps_stay_apart();
  sandboxed("libc's blocks are freed where mincore(2) is refused", SYS_mincore);
  sandboxed("libc's blocks are freed where no file can be opened, as /proc/self/stat", SYS_openat);
  return api_close();
}
