/* ledger_lines - the ledger's lines for what comes by an option, or by a corner of the allocator:
 * pages given back lazily, tables of validation, empty slabs that are kept, and an address in a
 * magazine whose block is free.
 */
#include "parts/draw.h"

#include <pthread.h>

#pragma weak hak_option_set

static uint64_t counted(const char *name) {
  uint64_t value = 0;
  CHILD_CHECK(api_counter(name, &value) == 0);
  return value;
}

/* All of it is retained, and then given back so that the kernel need not take it at once. The
 * kernel may count a batch of pages late, and take some before it is asked. */
static void lazily_freed(void) {
  uint64_t lazy;
  size_t before, after;
  malloc_trim(0);
  CHILD_CHECK(hak_option_set("PURGE", "free") == 0 && hak_option_set("RETAIN", "0") == 0);
  allocate(40, MIB, MIB);
  draw();
  CHILD_CHECK(bytes_of(HAK_LAZY) == 0);
  release(40, 1);
  lazy = counted("super.lazy_bytes");
  CHILD_CHECK(lazy >= 36 * MIB);
  before = kernel_sum("LazyFree:");
  draw();
  after = kernel_sum("LazyFree:");
  CHILD_CHECK(resident_of(HAK_LAZY) + 256 * KIB >= (before < after ? before : after));
  CHILD_CHECK(resident_of(HAK_LAZY) <= (before > after ? before : after) + 256 * KIB);
  NEAR(resident_of(HAK_LAZY) + resident_of(HAK_HUGE_PAGE_EXCESS), lazy, MIB);
  malloc_trim(0);
  draw();
  CHILD_CHECK(bytes_of(HAK_LAZY) == 0 && counted("super.lazy_bytes") == 0);
}

/* The kernel has MADV_FREE and says so, or the promise cannot be kept. */
static int frees_lazily(void) {
  size_t bytes = 0;
  char *p = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return 0;
  memset(p, 1, 4 * MIB);
  if (madvise(p, 4 * MIB, MADV_FREE) == 0) bytes = kernel_sum("LazyFree:");
  munmap(p, 4 * MIB);
  return bytes >= 3 * MIB;
}

/* A table of 1.25 MiB beside each superslab of which a block was given since. */
static void checks(void) {
  draw();
  CHILD_CHECK(bytes_of(HAK_META_CHECKS) == 0);
  CHILD_CHECK(hak_option_set("TINY_SLL_VALIDATE_HDR", "1") == 0);
  allocate(1000, 16000, 16000); /* of class 16,384: 15.6 MiB in superslabs of 4 */
  draw();
  CHILD_CHECK(bytes_of(HAK_META_CHECKS) >= 4 * 1280 * KIB);
  CHILD_CHECK(bytes_of(HAK_META_CHECKS) ==
              (counted("super.mapped") - counted("super.unmapped")) * 1280 * KIB);
  /* of each block the state and the size that was asked for, in pages of their own */
  CHILD_CHECK(resident_of(HAK_META_CHECKS) >= 4 * 2 * 4 * KIB);
  CHILD_CHECK(resident_of(HAK_META_CHECKS) <= bytes_of(HAK_META_CHECKS));
}

static void *one_of_each(void *argument) {
  size_t *n = (size_t *)argument;
  for (int i = 0; i < HAK_LEDGER_CLASSES; i++) {
    size_t size = ledger.classes[i].size;
    if (size <= 1024 || size >= 4096) continue; /* stdio's buffer has that */
    memset(blocks[(*n)++] = opaque_ptr(malloc(opaque(size))), 1, size);
  }
  release(*n, 1);
  return NULL;
}

/* A thread ends: its slabs, one of each class, are empty, and kept. */
static void kept_slabs(void) {
  uint64_t units, in_free, counter, wanted = 0;
  size_t classes = 0;
  pthread_t thread;
  malloc_trim(0);
  draw();
  units = bytes_of(HAK_RETAINED_UNITS);
  in_free = bytes_of(HAK_FREE_BLOCKS);
  counter = counted("super.retained_bytes");
  CHILD_CHECK(pthread_create(&thread, NULL, one_of_each, &classes) == 0);
  pthread_join(thread, NULL);
  draw();
  CHILD_CHECK(classes == 15);
  CHILD_CHECK(counted("super.retained_bytes") == counter + 15 * 64 * KIB);
  for (int i = 0; i < HAK_LEDGER_CLASSES; i++) {
    const struct hak_ledger_class *c = &ledger.classes[i];
    if (c->size <= 1024 || c->size >= 4096) continue;
    CHILD_CHECK(c->slabs == 1 && c->live == 0 && c->free == 65536 / c->size);
    wanted += c->free * c->size; /* the rest is a tail */
  }
  CHILD_CHECK(bytes_of(HAK_RETAINED_UNITS) == units + wanted);
  CHILD_CHECK(bytes_of(HAK_FREE_BLOCKS) < in_free + 128 * KIB); /* pthread_create's, of one class */
}

/* A block that is in its slab already is freed once more: a hit, which nobody notices yet. */
static void cached_and_free(void) {
  uint64_t cached, in_free, live, bytes;
  allocate(600, 1000, 1000);
  release(600, 2); /* the first of them are in their slabs again, beside live ones */
  for (size_t i = 0; i < 4; i++) blocks[2 * i + 100] = opaque_ptr(malloc(opaque(1000)));
  draw();
  cached = class_of(1000)->cached;
  in_free = class_of(1000)->free;
  live = class_of(1000)->live;
  bytes = bytes_of(HAK_CACHED);
  CHILD_CHECK(cached > 0 && live >= 304);
  free(opaque_ptr(blocks[0]));
  draw();
  CHILD_CHECK(class_of(1000)->free == in_free);
  CHILD_CHECK(class_of(1000)->cached == cached && bytes_of(HAK_CACHED) == bytes);
  CHILD_CHECK(class_of(1000)->live == live);
}

static void promise(const char *name, void (*scenario)(void)) {
  test_begin(name);
  api_child(scenario, 60);
  test_end();
}

int main(void) {
  const char *lazily = "HAKMEM_PURGE=free: what the kernel counts as freed lazily is in its line";
  api_served();
  if (!hak_ledger || !hak_option_set) {
    test_skip("the ledger's lines", "a malloc that has a ledger");
    return api_close();
  }
  if (frees_lazily()) promise(lazily, lazily_freed);
  else test_skip(lazily, "a kernel that frees pages lazily, and counts them");
  promise("meta.checks has the table of each superslab, once frees are checked", checks);
  promise("an empty slab that is kept is retained, and has no free block's line", kept_slabs);
  promise("an address in a magazine whose block is free already is not cached", cached_and_free);
  return api_close();
}
