/* mappings - the kernel bounds the mappings of a process (vm.max_map_count): a heap needs few, also
 * where every other superslab of it is gone, and frees itself fully.
 *
 * A crowd of huge blocks takes whole superslabs, of which the kernel makes one mapping.
 *
 * HAK_TEST_LONG=1: heaps of 8 GiB, touched; else of 512 MiB, and of 8 GiB whose first pages alone
 * are touched. The blocks are found again by a chain through them, or in a table outside the heap.
 */
#include "api.h"

#pragma weak hak_counter

#define APART 4  /* mappings of other kinds: leaves of the slab map, one per 4 GiB, and the like */
#define CACHED (336 * MIB) /* address space: 16 empty superslabs, 256 MiB of freed huge blocks */

static size_t full; /* bytes of a heap whose every page is touched */

/* --- what the kernel and the allocator count --- */

/* Mappings of this process, counted without allocating. */
static size_t mappings(void) {
  char text[4096];
  size_t lines = 0;
  ssize_t n;
  int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  while (fd >= 0 && (n = read(fd, text, sizeof text)) > 0)
    for (ssize_t i = 0; i < n; i++) lines += text[i] == '\n';
  if (fd >= 0) close(fd);
  return lines;
}

/* Address space of this process in bytes. */
static size_t addresses(void) {
  char text[128];
  size_t pages = 0;
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[n > 0 ? n : 0] = 0;
  return sscanf(text, "%zu", &pages) == 1 ? pages * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static size_t most_mappings(void) {
  size_t most = 0;
  FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
  if (!file) return 65530;
  if (fscanf(file, "%zu", &most) != 1) most = 65530;
  fclose(file);
  return most;
}

static size_t counter(const char *name) {
  uint64_t value = 0;
  CHILD_CHECK(hak_counter && hak_counter(name, &value) == 0);
  return (size_t)value;
}

static size_t superslabs(void) {
  return counter("super.mapped") - counter("super.unmapped");
}

struct state {
  size_t mappings, superslabs, huge, addresses, resident; /* huge: cached ones too */
};

static struct state look(void) {
  return (struct state){mappings(), superslabs(),
                        counter("pool.huge_mapped") - counter("pool.huge_unmapped"), addresses(),
                        api_resident()};
}

/* Mappings of descriptors: of 512 KiB, hence of 8 superslabs at least. */
static size_t of_descriptors(void) {
  return counter("super.meta_bytes") / (512 * KIB);
}

/* No more mappings were added than superslabs and huge blocks, but for descriptors. */
static void check_few(struct state start, const char *when) {
  struct state now = look();
  size_t added = now.superslabs - start.superslabs + now.huge - start.huge;
  snprintf(api_note, 512, "%s: %zu mappings, %zu at the start; %zu superslabs and blocks more, "
           "%zu of descriptors", when, now.mappings, start.mappings, added, of_descriptors());
  if (of_descriptors() > counter("super.mapped") / 8 + 2) _exit(99);
  if (now.mappings > start.mappings + added + of_descriptors() + APART) _exit(99);
  if (now.mappings > most_mappings() / 8) _exit(99);
}

/* All is free: what is left, and that a trim leaves nothing but descriptors. */
static void check_freed(struct state start) {
  struct state freed = look(), trimmed;
  size_t meta = counter("super.meta_bytes") + 8 * MIB;
  CHILD_CHECK(malloc_trim(0) == 1);
  trimmed = look();
  snprintf(api_note, 512,
           "mappings %zu, freed %zu, trimmed %zu; address space %zu, %zu, %zu MiB; resident %zu, "
           "%zu, %zu MiB", start.mappings, freed.mappings, trimmed.mappings, start.addresses / MIB,
           freed.addresses / MIB, trimmed.addresses / MIB, start.resident / MIB,
           freed.resident / MIB, trimmed.resident / MIB);
  if (freed.mappings > start.mappings + 16 + 64 + of_descriptors() + APART) _exit(99);
  if (trimmed.mappings > start.mappings + of_descriptors() + APART) _exit(99);
  if (freed.addresses > start.addresses + CACHED + meta) _exit(99);
  if (trimmed.addresses > start.addresses + meta) _exit(99);
  if (trimmed.superslabs > start.superslabs || trimmed.huge) _exit(99);
  if (freed.resident > start.resident + 16 * MIB + MIB) _exit(99);
  if (trimmed.resident > start.resident + 4 * MIB) _exit(99);
  CHILD_CHECK(api_violations() == 0);
}

/* Has a block of 1 KiB and one of 3 MiB been served already, and all of it trimmed? */
static struct state warm(void) {
  void *small = opaque_ptr(malloc(opaque(KIB))), *huge = opaque_ptr(malloc(opaque(3 * MIB)));
  free(small);
  free(huge);
  malloc_trim(0);
  return look();
}

/* --- 1 KiB blocks --- */

static void **chain_grow(size_t bytes) {
  void **chain = NULL;
  for (size_t i = 0; i < bytes / KIB; i++) {
    void **p = (void **)opaque_ptr(malloc(opaque(KIB)));
    CHILD_CHECK(p != NULL);
    *p = (void *)chain;
    chain = p;
  }
  return chain;
}

/* Frees the blocks that lie in every superslab of the PARTS-th part that is not KEEP; gives the
 * chain of the rest. */
static void **chain_thin(void **chain, size_t parts, size_t keep) {
  void **rest = NULL;
  while (chain) {
    void **next = (void **)*chain;
    if (((uintptr_t)chain >> 22) % parts == keep) {
      *chain = (void *)rest;
      rest = chain;
    } else {
      free(chain);
    }
    chain = next;
  }
  return rest;
}

static void small_blocks(void) {
  struct state start = warm();
  void **chain = chain_grow(full);
  CHILD_CHECK(superslabs() >= full / (4 * MIB));
  check_few(start, "all live");
  chain = chain_thin(chain, 2, 0);
  check_few(start, "every other superslab free");
  malloc_trim(0); /* the cache of superslabs too: now none touches another */
  CHILD_CHECK(superslabs() <= full / (8 * MIB) + 4);
  check_few(start, "every other superslab gone");
  chain = chain_thin(chain, 64, 0);
  check_few(start, "one of 64 left");
  chain_thin(chain, 1, 1);
  check_freed(start);
}

/* --- 3 MiB blocks --- */

static unsigned char **table; /* in a mapping of its own, made before the start */

static void map_table(size_t n) {
  table = (unsigned char **)mmap(NULL, n * sizeof *table, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  CHILD_CHECK(table != MAP_FAILED);
}

/* BYTES in blocks of 3 MiB, of each the first TOUCHED bytes written. */
static void huge_blocks(size_t bytes, size_t touched) {
  size_t n = bytes / (3 * MIB);
  struct state start;
  map_table(n);
  start = warm();
  for (size_t i = 0; i < n; i++) {
    table[i] = (unsigned char *)opaque_ptr(malloc(opaque(3 * MIB)));
    CHILD_CHECK(table[i] != NULL);
    for (size_t at = 0; at < touched; at += 4096) table[i][at] = 1;
  }
  check_few(start, "all live");
  api_shuffle(table, n, sizeof *table, 5);
  for (size_t i = n / 2; i < n; i++) free(table[i]);
  check_few(start, "a random half live");
  for (size_t i = n / 2; i < n; i++) {
    table[i] = (unsigned char *)opaque_ptr(malloc(opaque(3 * MIB)));
    CHILD_CHECK(table[i] != NULL);
    table[i][0] = 1;
  }
  check_few(start, "all live again");
  api_shuffle(table, n, sizeof *table, 5);
  for (size_t i = 0; i < n; i++) free(table[i]);
  check_freed(start);
}

static void huge_touched(void) {
  huge_blocks(full, 3 * MIB);
}

static void huge_untouched(void) {
  huge_blocks(8 * GIB, 1);
}

/* --- more huge blocks than a process may have mappings --- */

#define CROWD 70000
#define CROWD_SIZE 2200000

static void crowd_take(unsigned char **from, size_t n) {
  for (size_t i = 0; i < n; i++) {
    from[i] = (unsigned char *)opaque_ptr(malloc(opaque(CROWD_SIZE)));
    if (!from[i]) snprintf(api_note, 512, "%zu blocks were served", i);
    if (!from[i]) _exit(99);
    if (i % 64 == 0) from[i][0] = from[i][CROWD_SIZE - 1] = 1;
  }
}

static void check_crowd(const char *when, size_t most) {
  size_t now = mappings();
  snprintf(api_note, 512, "%s: %zu mappings", when, now);
  if (now > most) _exit(99);
}

static void crowd(void) {
  struct state start = warm();
  map_table(CROWD);
  crowd_take(table, CROWD);
  check_crowd("all live", 17000);
  api_shuffle(table, CROWD, sizeof *table, 5);
  for (size_t i = CROWD / 2; i < CROWD; i++) free(table[i]);
  check_crowd("a random half live", 24000); /* each second gap of the joined ones is one */
  crowd_take(table + CROWD / 2, CROWD - CROWD / 2);
  check_crowd("all live again", 24000);
  free(table[0]);
  table[0] = (unsigned char *)opaque_ptr(aligned_alloc(64 * MIB, opaque(CROWD_SIZE)));
  CHILD_CHECK(table[0] && (uintptr_t)table[0] % (64 * MIB) == 0);
  for (size_t i = 0; i < CROWD; i++) free(table[i]);
  munmap(table, CROWD * sizeof *table);
  CHILD_CHECK(malloc_trim(0) == 1);
  check_crowd("all freed", start.mappings + 64); /* of descriptors, and leaves of the slab map */
  CHILD_CHECK(look().huge == 0 && addresses() < start.addresses + 64 * MIB);
  CHILD_CHECK(api_violations() == 0);
}

/* May a process reserve what it does not touch? */
static int system_commits_all(void) {
  int mode = 0;
  FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
  if (file && fscanf(file, "%d", &mode) != 1) mode = 0;
  if (file) (void)fclose(file);
  return mode == 2;
}

/* --- what might split a mapping --- */

/* Purging single units, moving and shrinking leave the mappings as they are. */
static void unit_by_unit(void) {
  struct state start = warm();
  static unsigned char *runs[512];
  unsigned char *huge[16];
  for (size_t i = 0; i < 512; i++) {
    runs[i] = (unsigned char *)memset(opaque_ptr(malloc(opaque(300 * KIB))), 1, 300 * KIB);
  }
  for (size_t i = 0; i < 512; i += 2) free(runs[i]);
  malloc_trim(0);
  check_few(start, "every other run purged");
  for (size_t i = 1; i < 512; i += 2) {
    runs[i] = (unsigned char *)opaque_ptr(realloc(runs[i], opaque(i % 4 == 1 ? MIB : 64 * KIB)));
  }
  check_few(start, "runs grown and shrunk");
  for (size_t i = 0; i < 16; i++) huge[i] = (unsigned char *)malloc(opaque(3 * MIB));
  for (size_t i = 0; i < 16; i++) {
    huge[i] = (unsigned char *)opaque_ptr(realloc(huge[i], opaque((5 + i) * MIB)));
    huge[i] = (unsigned char *)opaque_ptr(realloc(huge[i], opaque(3 * MIB)));
  }
  check_few(start, "huge blocks grown and shrunk");
  for (size_t i = 1; i < 512; i += 2) free(runs[i]);
  for (size_t i = 0; i < 16; i++) free(huge[i]);
  check_freed(start);
}

static void check_in_crowd(void) {
  static const char name[] =
      "70,000 blocks of 2,200,000 bytes live at once, in 24,000 mappings at most";
  if (system_commits_all()) {
    test_skip(name, "vm.overcommit_memory is 2");
    return;
  }
  test_begin(name);
  api_child(crowd, 120);
  test_end();
}

int main(void) {
  static const struct {
    const char *name;
    void (*scenario)(void);
  } scenarios[] = {
      {"1 KiB blocks: a mapping per superslab at most, also with gaps, and all of it freed",
       small_blocks},
      {"3 MiB blocks, touched: a mapping per block at most, and all of it freed", huge_touched},
      {"8 GiB of 3 MiB blocks, first pages touched: an eighth of vm.max_map_count at most",
       huge_untouched},
      {"purged units, resized runs and resized huge blocks split no mapping", unit_by_unit},
  };
  const char *extended = getenv("HAK_TEST_LONG");
  full = extended && extended[0] == '1' ? 8 * GIB : 512 * MIB;
  api_served();
  for (size_t i = 0; i < COUNT_OF(scenarios); i++) {
    test_begin(scenarios[i].name);
    api_child(scenarios[i].scenario, 120);
    test_end();
  }
  check_in_crowd();
  return api_close();
}
