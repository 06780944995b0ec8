/* map - tags and descriptors by address, and an answer for every wild one. */
#include "super/map.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>

#include "base/bits.h"
#include "helpers/box.h"
#include "os/map.h"

enum { LEAF_GIB = 1 << (LEAF_SHIFT - 30) };

static char *at(unsigned gib, size_t offset) {
  return (char *)(((uintptr_t)gib << 30) + offset);
}

static void wild_addresses(void) {
  static const uintptr_t wild[] = {0,
                                   1,
                                   15,
                                   0xffff,
                                   ~(uintptr_t)0,
                                   ~(uintptr_t)0 << 16,
                                   (uintptr_t)1 << 47,
                                   (uintptr_t)1 << 48,
                                   (uintptr_t)1 << 63,
                                   ((uintptr_t)1 << 48) - 1,
                                   0x8000000000000001,
                                   0xdeadbeefdeadbeef};
  uint64_t state = 6;
  int local;
  CHECK(map_tag(&local) == 0 && map_super(&local) == NULL);
  CHECK(map_tag((void *)(uintptr_t)wild_addresses) == 0);
  for (size_t i = 0; i < sizeof wild / sizeof *wild; i++) {
    const void *p = (const void *)wild[i];
    CHECK_MSG(map_tag(p) == 0 && map_super(p) == NULL, "%p", p);
  }
  for (int i = 0; i < 100000; i++) {
    const void *p = (const void *)(uintptr_t)(random_next(&state) | (uint64_t)1 << 62);
    CHECK_MSG(map_tag(p) == 0 && map_super(p) == NULL, "%p", p);
  }
}

static void round_trip(void) {
  int error = 0;
  char *p = at(8, 12 * SUPER_SIZE); /* the map asks for no memory behind an address */
  static int descriptor;
  test_begin(
      "a tag and a descriptor are found at each of their bytes, not beside, until taken back");
  CHECK(map_cover(p, &error));
  map_set_tags(p + 3 * UNIT_SIZE, 5, 0xabcd12);
  map_set_super(p, &descriptor);
  for (size_t offset = 0; offset < SUPER_SIZE; offset += 4096 - 1) {
    size_t unit = offset / UNIT_SIZE;
    CHECK(map_tag(p + offset) == (unit >= 3 && unit < 8 ? 0xabcd12 : 0));
    CHECK(map_super(p + offset) == &descriptor);
  }
  CHECK(map_tag(p - 1) == 0 && map_super(p - 1) == NULL);
  CHECK(map_tag(p + SUPER_SIZE) == 0 && map_super(p + SUPER_SIZE) == NULL);
  map_set_tags(p + 4 * UNIT_SIZE, 2, 0);
  CHECK(map_tag(p + 3 * UNIT_SIZE) && !map_tag(p + 4 * UNIT_SIZE));
  CHECK(!map_tag(p + 5 * UNIT_SIZE) && map_tag(p + 6 * UNIT_SIZE));
  map_set_tags(p, SUPER_UNITS, 0);
  map_set_super(p, NULL);
  for (size_t offset = 0; offset < SUPER_SIZE; offset += UNIT_SIZE) CHECK(!map_tag(p + offset));
  CHECK(map_super(p) == NULL);
  test_end();
}

static void edges(void) {
  int error;
  char *last = at(LEAF_GIB * (ROOT_ENTRIES - 1), ((size_t)1 << LEAF_SHIFT) - SUPER_SIZE);
  test_begin(
      "the first and the last superslab of 48 bits, and both sides of a leaf's edge, keep apart");
  CHECK(map_cover(last, &error) && map_cover(at(3 * LEAF_GIB, 0), &error) &&
        map_cover(at(3 * LEAF_GIB, 0) - 1, &error));
  map_set_tags(last, SUPER_UNITS, 11);
  map_set_tags(at(3 * LEAF_GIB, 0) - SUPER_SIZE, SUPER_UNITS, 22);
  map_set_tags(at(3 * LEAF_GIB, 0), SUPER_UNITS, 33);
  CHECK(map_tag(last + SUPER_SIZE - 1) == 11 && map_tag(last - 1) == 0);
  CHECK(map_tag(at(3 * LEAF_GIB, 0) - 1) == 22 && map_tag(at(3 * LEAF_GIB, 0)) == 33);
  CHECK(map_tag(last + SUPER_SIZE) == 0);
  map_set_tags(last, SUPER_UNITS, 0);
  map_set_tags(at(3 * LEAF_GIB, 0) - SUPER_SIZE, 2 * SUPER_UNITS, 0);
  test_end();
}

enum { COVERED = 4000 };

static unsigned arrived;

/* Both threads come to each leaf at the same moment. */
static void *cover_many(void *pointer) {
  long refused = 0;
  int error;
  for (unsigned i = 0; i < COVERED; i++) {
    add_acq_rel(&arrived, 1);
    for (unsigned spins = 0; ld_acq(&arrived) < 2 * (i + 1); spins++)
      if (spins % 4096 == 4095) sched_yield();
    refused += !map_cover(at(LEAF_GIB * (16 + i), 12345), &error);
  }
  *(long *)pointer = refused;
  return NULL;
}

static void cover(void) {
  pthread_t thread[2];
  long refused[2];
  size_t before = map_leaf_bytes();
  const struct leaf *leaf;
  size_t listed = 0;
  int error;
  test_begin("two threads that cover the same 4,000 leaves at the same moments map each once");
  for (int i = 0; i < 2; i++) pthread_create(&thread[i], NULL, cover_many, &refused[i]);
  for (int i = 0; i < 2; i++) {
    pthread_join(thread[i], NULL);
    CHECK(refused[i] == 0);
  }
  CHECK_MSG(map_leaf_bytes() == before + COVERED * sizeof(struct leaf), "%zu leaves",
            (map_leaf_bytes() - before) / sizeof(struct leaf));
  for (unsigned i = 0; (leaf = map_next(&i)); listed++)
    CHECK_MSG(map_leaf(at((i - 1) * LEAF_GIB, 0)) == leaf, "the leaf at %u is another", i - 1);
  CHECK_MSG(listed * sizeof(struct leaf) == map_leaf_bytes(), "%zu leaves are listed", listed);
  before = map_leaf_bytes();
  CHECK(map_cover(at(LEAF_GIB * 16, 0), &error) && map_leaf_bytes() == before);
  for (unsigned i = 0; i < 64; i++)
    for (unsigned k = 0; k < i; k++)
      CHECK(map_leaf(at(LEAF_GIB * (16 + i), 0)) != map_leaf(at(LEAF_GIB * (16 + k), 0)));
  test_end();
}

static void without_memory(void) {
  struct rlimit none = {0, RLIM_INFINITY};
  int error = 0;
  setrlimit(RLIMIT_AS, &none);
  CHECK(!map_cover(at(5 * LEAF_GIB, 0), &error) && error == ENOMEM);
  CHECK(map_tag(at(5 * LEAF_GIB, 0)) == 0);
  none.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_AS, &none);
  CHECK(map_cover(at(5 * LEAF_GIB, 0), &error));
}

/* A leaf from its first address on, so that an address taken for one of them is seen. */
static void tag_a_whole_leaf(tag_t tag) {
  int error;
  CHECK(map_cover(at(LEAF_GIB, 0), &error));
  for (size_t i = 0; i < LEAF_SUPERS; i++)
    map_set_tags(at(LEAF_GIB, i * SUPER_SIZE), SUPER_UNITS, tag);
}

/* Do the kernel's flags of the mapping that holds P say that huge pages are unwanted? */
static bool wants_no_huge_pages(const void *p) {
  char line[512];
  FILE *file = fopen("/proc/self/smaps", "r");
  uintptr_t from = 0, to = 0;
  bool unwanted = false;
  while (file && fgets(line, sizeof line, file)) {
    uintptr_t a, b;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &a, &b) == 2) from = a, to = b;
    if (from > (uintptr_t)p || to <= (uintptr_t)p || strncmp(line, "VmFlags:", 8) != 0) continue;
    unwanted = strstr(line, " nh") != NULL;
  }
  if (file) fclose(file);
  return unwanted;
}

/* The system may give them to whoever touches a page of a large array. */
static void small_pages(void) {
  static const char promise[] = "neither a leaf nor the leaf of zeros is given huge pages";
  if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0) {
    test_skip(promise, "this kernel has no transparent huge pages");
    return;
  }
  test_begin(promise);
  CHECK(wants_no_huge_pages(map_next(&(unsigned){0})));
  CHECK(wants_no_huge_pages(&slab_map.zero.tag[LEAF_UNITS / 2]));
  test_end();
}

static void leaf_of_zeros(void) {
  test_begin("the leaf of zeros stays all zero");
  CHECK(all_bytes(&slab_map.zero, sizeof slab_map.zero, 0));
  CHECK(slab_map.root[ROOT_ENTRIES] == 0);
  test_end();
}

int main(void) {
  test_begin("a wild address has tag 0 and no descriptor, before anything is covered");
  wild_addresses();
  test_end();
  round_trip();
  edges();
  cover();
  test_begin("a wild address has tag 0 and no descriptor, with leaves in place");
  tag_a_whole_leaf(1);
  wild_addresses();
  tag_a_whole_leaf(0);
  test_end();
  test_begin("without memory for a leaf map_cover says why, and works again when there is some");
  expect_return(without_memory);
  test_end();
  small_pages();
  leaf_of_zeros();
  return test_status();
}
