/* dlopen - a program that is not preloaded loads hakmem as a plugin, beside libc's own malloc.
 *
 * Argument: the path of the library. Both heaps are in use at once and stay apart.
 */
#include "../api.h"

#include <pthread.h>

#define BLOCKS 3000

static void *library;
static void *(*their_malloc)(size_t size);
static void *(*their_realloc)(void *p, size_t size);
static void (*their_free)(void *p);
static size_t (*their_usable_size)(void *p);
static api_owns_fn *their_owns;
static api_check_fn *their_check;

static void load(const char *path) {
  test_begin("dlopen loads hakmem into a running program of two threads");
  library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECK_MSG(library != NULL, "%s", dlerror());
  if (!library) exit(test_status());
  their_malloc = (void *(*)(size_t))dlsym(library, "malloc");
  their_realloc = (void *(*)(void *, size_t))dlsym(library, "realloc");
  their_free = (void (*)(void *))dlsym(library, "free");
  their_usable_size = (size_t (*)(void *))dlsym(library, "malloc_usable_size");
  their_owns = (api_owns_fn *)dlsym(library, "hak_owns");
  their_check = (api_check_fn *)dlsym(library, "hak_check");
  CHECK(their_malloc && their_realloc && their_free && their_usable_size);
  CHECK(api_any() || (their_owns && their_check));
  CHECK_MSG(their_malloc != malloc && their_free != free, "the program itself was bound to it");
  test_end();
  if (test_failed) exit(test_status());
}

static struct block blocks[BLOCKS];

/* Allocates from both heaps in turn; every third block changes its size. */
static void mix(void) {
  for (size_t i = 0; i < BLOCKS; i++) {
    size_t n = i % 50 == 0 ? 400000 : 1 + i * 37 % 9000;
    int theirs = (int)(i & 1);
    void *p = theirs ? their_malloc(n) : malloc(n);
    if (i % 3 == 0) p = theirs ? their_realloc(p, n * 2) : realloc(p, n * 2);
    CHECK_MSG(p && (uintptr_t)p % 16 == 0, "%p is not a block", p);
    if (their_owns) CHECK_MSG(their_owns(p) == theirs, "hak_owns(%p) is %d", p, !theirs);
    struct block b = {p, n, n, i};
    api_fill(p, n, b.key);
    blocks[i] = b;
  }
}

static void unmix(void) {
  for (size_t i = 0; i < BLOCKS; i++) {
    block_verify(&blocks[i]);
    if (i & 1) {
      CHECK(their_usable_size(blocks[i].p) >= blocks[i].size);
      their_free(blocks[i].p);
    } else {
      free(blocks[i].p);
    }
  }
}

static void apart(void) {
  static struct block sorted[BLOCKS];
  test_begin("the blocks of both heaps are apart, and each heap frees its own");
  mix();
  memcpy(sorted, blocks, sizeof sorted);
  blocks_apart(sorted, BLOCKS);
  unmix();
  test_end();
}

static void program_to_plugin(void) {
  test_begin("the program's blocks are accepted by the plugin's free and realloc");
  for (size_t i = 0; i < 2000; i++) {
    size_t n = i % 100 == 0 ? 400000 : 1 + i * 31 % 9000;
    struct block b = {malloc(n), n, n, i};
    unsigned char *p;
    api_fill(b.p, n, b.key);
    CHECK(their_usable_size(b.p) >= n);
    p = opaque_ptr(their_realloc(b.p, n + 100));
    CHECK_MSG(p && api_intact(p, n, n, b.key), "content of %zu bytes is lost", n);
    their_free(p);
  }
  test_end();
}

/* ---- a thread that was there before the library ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static int elder_bad;

static void *elder(void *unused) {
  void *kept[500];
  pthread_mutex_lock(&gate); /* until the library is loaded */
  pthread_mutex_unlock(&gate);
  for (size_t i = 0; i < COUNT_OF(kept); i++) {
    kept[i] = their_malloc(i * 11);
    if (!kept[i] || (their_owns && !their_owns(kept[i]))) elder_bad++;
    else memset(kept[i], 1, i * 11);
  }
  for (size_t i = 0; i < COUNT_OF(kept); i++) their_free(kept[i]);
  return unused;
}

/* Uses the plugin, waits until it is closed, then ends. */
static void *outlives_close(void *closed) {
  void *p = their_malloc(5000);
  their_free(p);
  while (!__atomic_load_n((int *)closed, __ATOMIC_ACQUIRE)) usleep(1000);
  return NULL;
}

static void close_it(void) {
  pthread_t thread;
  int closed = 0;
  void *p = their_malloc(100);
  memset(p, 9, 100);
  test_begin("dlclose of hakmem itself harms neither its blocks nor threads that used it");
  CHECK(pthread_create(&thread, NULL, outlives_close, &closed) == 0);
  usleep(20000);
  dlclose(library);
  __atomic_store_n(&closed, 1, __ATOMIC_RELEASE);
  pthread_join(thread, NULL);
  CHECK(((char *)p)[99] == 9);
  test_end();
}

int main(int argc, char **argv) {
  pthread_t thread;
  static const char last[] = "the invariants hold afterwards";
  if (argc != 2) return 2;
  alarm(60);
  pthread_mutex_lock(&gate);
  if (pthread_create(&thread, NULL, elder, NULL) != 0) return 2;
  load(argv[1]);
  apart();
  program_to_plugin();
  test_begin("a thread that is older than the plugin can use it");
  pthread_mutex_unlock(&gate);
  pthread_join(thread, NULL);
  CHECK_MSG(elder_bad == 0, "%d bad blocks", elder_bad);
  test_end();
  close_it();
  if (!their_check) {
    test_skip(last, "hak_check");
    return test_status();
  }
  test_begin(last);
  CHECK(their_check() == 0);
  test_end();
  return test_status();
}
