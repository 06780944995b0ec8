/* exhaust - when the system refuses memory: NULL and ENOMEM, no harm, and on it goes. */
#include "api.h"

#include <sys/resource.h>

#define ROOM (96 * MIB) /* address space left to the child */
#define MANY 2000000

static size_t address_space(void) {
  size_t pages = 0;
  char text[64];
  int fd = open("/proc/self/statm", O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n > 0 ? n : 0] = 0;
  sscanf(text, "%zu", &pages);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit(size_t room) {
  struct rlimit space;
  space.rlim_cur = space.rlim_max = address_space() + room;
  CHILD_CHECK(setrlimit(RLIMIT_AS, &space) == 0);
}

static size_t child_size;

/* Allocates blocks of child_size until NULL, frees every one, and does so again. */
static void fill_up(void) {
  static void *blocks[MANY];
  size_t first = 0;
  limit(ROOM);
  for (int round = 0; round < 3; round++) {
    size_t n = 0;
    errno = 0;
    while (n < MANY && (blocks[n] = opaque_ptr(malloc(opaque(child_size))))) {
      memset(blocks[n], (int)n, child_size < 64 ? child_size : 64);
      n++;
    }
    CHILD_CHECK(n < MANY && errno == ENOMEM);
    CHILD_CHECK(n * child_size > ROOM / 3);
    if (round == 0) first = n;
    CHILD_CHECK(n >= first - first / 8);
    for (size_t i = 0; i < n; i++) CHILD_CHECK(*(unsigned char *)blocks[i] == (unsigned char)i);
    for (size_t i = 0; i < n; i++) free(blocks[i]);
  }
  CHILD_CHECK(api_violations() == 0);
}

static void each_tier(void) {
  static const size_t sizes[] = {64, 1000, 5000, 32768, 100000, 300 * 1024, 3145728};
  char name[128];
  for (size_t i = 0; i < COUNT_OF(sizes); i++) {
    child_size = sizes[i];
    snprintf(name, sizeof name, "%zu-byte blocks until ENOMEM, three times over", sizes[i]);
    test_begin(name);
    api_child(fill_up, 60);
    test_end();
  }
}

/* Fills up with one size, frees all, fills up with another: memory goes from tier to tier. */
static void change_tier(void) {
  static void *blocks[MANY];
  static const size_t sizes[] = {64, 40000, 400000, 3145728, 1000};
  limit(ROOM);
  for (size_t s = 0; s < COUNT_OF(sizes); s++) {
    size_t n = 0;
    while (n < MANY && (blocks[n] = opaque_ptr(malloc(opaque(sizes[s]))))) n++;
    CHILD_CHECK(n < MANY && n * sizes[s] > ROOM / 4);
    for (size_t i = 0; i < n; i++) free(blocks[i]);
  }
  CHILD_CHECK(api_violations() == 0);
}

/* Every function fails alike, and leaves the block that it was given. */
static void every_function(void) {
  static void *blocks[MANY];
  char *kept = malloc(1000);
  void *p = kept;
  size_t n = 0;
  limit(16 * MIB);
  memset(kept, 7, 1000);
  while (n < MANY && (blocks[n] = opaque_ptr(malloc(opaque(2 * MIB))))) n++;
  errno = 0;
  CHILD_CHECK(!opaque_ptr(malloc(opaque(64 * MIB))) && errno == ENOMEM);
  errno = 0;
  CHILD_CHECK(!opaque_ptr(calloc(opaque(64), opaque(MIB))) && errno == ENOMEM);
  errno = 0;
  CHILD_CHECK(!opaque_ptr(realloc(opaque_ptr(kept), opaque(64 * MIB))) && errno == ENOMEM);
  errno = 0;
  CHILD_CHECK(!opaque_ptr(aligned_alloc(64, opaque(64 * MIB))) && errno == ENOMEM);
  errno = 0;
  CHILD_CHECK(!opaque_ptr(memalign(4096, opaque(64 * MIB))) && errno == ENOMEM);
  errno = 0;
  CHILD_CHECK(!opaque_ptr(valloc(opaque(64 * MIB))) && errno == ENOMEM);
  CHILD_CHECK(posix_memalign(&p, 64, opaque(64 * MIB)) == ENOMEM && p == kept);
  if (n > 0) {
    errno = 0;
    CHILD_CHECK(!opaque_ptr(realloc(opaque_ptr(blocks[0]), opaque(64 * MIB))) && errno == ENOMEM);
  }
  for (int i = 0; i < 1000; i++) CHILD_CHECK(kept[i] == 7);
  for (size_t i = 0; i < n; i++) free(blocks[i]);
  CHILD_CHECK((p = opaque_ptr(malloc(opaque(MIB)))) != NULL);
  free(p);
  free(kept);
  CHILD_CHECK(api_violations() == 0);
}

int main(void) {
  api_served();
  each_tier();
  test_begin("memory that one tier frees serves the others, once the system refuses more");
  api_child(change_tier, 60);
  test_end();
  test_begin("every function gives ENOMEM when the system refuses, and keeps the old block");
  api_child(every_function, 60);
  test_end();
  return api_close();
}
