/* names - every function of the interface is hakmem's own and does what its manual says. */
#include "api.h"

#include <limits.h>

/* glibc and C libraries differ in what they declare of these: declared here, weak. */
#pragma weak cfree
#pragma weak free_sized
#pragma weak free_aligned_sized
extern void cfree(void *p);
extern void free_sized(void *p, size_t size);
extern void free_aligned_sized(void *p, size_t alignment, size_t size);

typedef void anything(void);

#define NAME(function) {#function, (anything *)(function)}

struct name {
  const char *text;
  anything *function; /* as this program is bound to it */
};

static const struct name names[] = {
    NAME(malloc),        NAME(calloc),          NAME(realloc),
    NAME(reallocarray),  NAME(free),            NAME(cfree),
    NAME(aligned_alloc), NAME(posix_memalign),  NAME(memalign),
    NAME(valloc),        NAME(pvalloc),         NAME(malloc_usable_size),
    NAME(free_sized),    NAME(free_aligned_sized), NAME(malloc_trim),
    NAME(mallinfo2),     NAME(mallopt),         NAME(malloc_stats),
    NAME(malloc_info),
};

/* The address of a function by NAME: what is linked, else what the process has. */
static anything *find(const char *text, anything *linked) {
  return linked ? linked : (anything *)dlsym(RTLD_DEFAULT, text);
}

/* The start of the program or library that FUNCTION lies in. */
static const void *home(anything *function) {
  Dl_info info;
  if (!function || !dladdr((void *)function, &info)) return NULL;
  return info.dli_fbase;
}

static void own(const char *text, anything *function) {
  char name[128];
  const void *here = home(find("hak_check", (anything *)api_checker()));
  snprintf(name, sizeof name, "%s is hakmem's own", text);
  if (api_any()) {
    test_skip(name, "HAK_TEST_ANY=1");
    return;
  }
  test_begin(name);
  CHECK_MSG(function != NULL, "not in the process");
  CHECK_MSG(here && home(function) == here, "it belongs to another library");
  test_end();
}

static void all_own(void) {
  for (size_t i = 0; i < COUNT_OF(names); i++)
    own(names[i].text, find(names[i].text, names[i].function));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  own("mallinfo", (anything *)mallinfo);
#pragma GCC diagnostic pop
}

/* Allocates, fills and releases blocks of all tiers by RELEASE until a leak would show. */
static void release_all(const char *text, void (*release)(void *p, size_t n), size_t align) {
  char name[128];
  size_t before = 0, after;
  snprintf(name, sizeof name, "%s releases blocks of all tiers and preserves errno", text);
  if (!release) {
    test_skip(name, "the function");
    return;
  }
  test_begin(name);
  for (int round = 0; round < 60; round++) {
    if (round == 10) before = api_resident();
    for (size_t t = 0; t < COUNT_OF(api_tiers); t++) {
      size_t n = api_tiers[t], count = 4 * MIB / n < 500 ? 4 * MIB / n : 500;
      for (size_t i = 0; i < count; i++) {
        void *p = opaque_ptr(align ? aligned_alloc(align, opaque(n)) : malloc(opaque(n)));
        memset(p, 1, n);
        errno = 4711;
        release(p, n);
        CHECK_MSG(errno == 4711, "errno became %d after %zu bytes", errno, n);
      }
    }
  }
  after = api_resident();
  CHECK_MSG(after < before + 16 * MIB, "resident memory grew by %zu KiB", (after - before) / KIB);
  errno = 4711;
  release(NULL, 0);
  CHECK_MSG(errno == 4711, "errno became %d after NULL", errno);
  test_end();
}

static void (*cfree_found)(void *p);
static void (*free_sized_found)(void *p, size_t size);
static void (*free_aligned_sized_found)(void *p, size_t alignment, size_t size);

static void by_free(void *p, size_t n) {
  (void)n;
  free(p);
}

static void by_cfree(void *p, size_t n) {
  (void)n;
  cfree_found(p);
}

static void by_free_aligned_sized(void *p, size_t n) { free_aligned_sized_found(p, 256, n); }

static void releases(void) {
  cfree_found = (void (*)(void *))find("cfree", (anything *)cfree);
  free_sized_found = (void (*)(void *, size_t))find("free_sized", (anything *)free_sized);
  free_aligned_sized_found = (void (*)(void *, size_t, size_t))find(
      "free_aligned_sized", (anything *)free_aligned_sized);
  release_all("free", by_free, 0);
  release_all("cfree", cfree_found ? by_cfree : NULL, 0);
  release_all("free_sized", free_sized_found, 0);
  release_all("free_aligned_sized", free_aligned_sized_found ? by_free_aligned_sized : NULL, 256);
}

static void usable_size(void) {
  test_begin("malloc_usable_size: 0 for NULL, the same each time, errno preserved");
  errno = 4711;
  CHECK(malloc_usable_size(NULL) == 0);
  for (size_t t = 0; t < COUNT_OF(api_tiers); t++) {
    void *p = opaque_ptr(malloc(opaque(api_tiers[t])));
    size_t usable = malloc_usable_size(p);
    CHECK(usable >= api_tiers[t] && malloc_usable_size(p) == usable);
    free(p);
  }
  CHECK(errno == 4711);
  test_end();
}

/* Bytes in use as mallinfo2 counts them: small ones in uordblks, mapped ones in hblkhd. */
static size_t in_use(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

static void mallinfo_counts(void) {
  static void *small[8192];
  size_t before = in_use(), with, after;
  struct mallinfo2 wide;
  test_begin("mallinfo2: uordblks + hblkhd follow 8 MiB of small and 32 MiB of huge blocks");
  for (size_t i = 0; i < COUNT_OF(small); i++)
    memset(small[i] = opaque_ptr(malloc(opaque(1024))), 1, 1024);
  void *huge = opaque_ptr(malloc(32 * MIB));
  with = in_use();
  CHECK_MSG(with >= before + 40 * MIB, "%zu, then only %zu", before, with);
  CHECK_MSG(with <= before + 60 * MIB, "%zu, then %zu", before, with);
  free(huge);
  for (size_t i = 0; i < COUNT_OF(small); i++) free(small[i]);
  after = in_use();
  CHECK_MSG(after <= before + 4 * MIB, "%zu, after everything is freed %zu", before, after);
  test_end();
  test_begin("mallinfo: the same figures as mallinfo2, as int");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  struct mallinfo narrow = mallinfo();
#pragma GCC diagnostic pop
  wide = mallinfo2();
  CHECK_MSG((size_t)narrow.uordblks == wide.uordblks, "uordblks %d, %zu", narrow.uordblks,
            wide.uordblks);
  CHECK_MSG((size_t)narrow.arena == wide.arena, "arena %d, %zu", narrow.arena, wide.arena);
  CHECK_MSG(wide.arena >= wide.uordblks, "arena %zu, of it %zu used", wide.arena, wide.uordblks);
  test_end();
}

static void trim(void) {
  static void *many[4096];
  size_t full, empty;
  int trimmed;
  test_begin("malloc_trim(0) gives 64 MiB of freed blocks back to the system");
  for (size_t i = 0; i < COUNT_OF(many); i++)
    memset(many[i] = opaque_ptr(malloc(16 * KIB)), 1, 16 * KIB);
  full = api_resident();
  for (size_t i = 0; i < COUNT_OF(many); i++) free(many[i]);
  trimmed = malloc_trim(0);
  CHECK(trimmed == 0 || trimmed == 1);
  empty = api_resident();
  CHECK_MSG(empty + 60 * MIB <= full, "resident: %zu KiB, then %zu", full / KIB, empty / KIB);
  test_end();
}

static void options(void) {
  static const int known[] = {M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD, M_ARENA_MAX};
  test_begin("mallopt: glibc's parameters are accepted with 1, and allocation goes on");
  for (size_t i = 0; i < COUNT_OF(known); i++) {
    void *p;
    int answer = mallopt(known[i], 1 << 20);
    CHECK_MSG(answer == 1, "mallopt(%d) gave %d", known[i], answer);
    p = opaque_ptr(malloc(opaque(100 * KIB)));
    CHECK(p != NULL);
    free(p);
  }
  test_end();
}

/* Runs WRITER with stderr sent to a file; gives the bytes that it wrote there. */
static size_t stderr_bytes(void (*writer)(void), char *text, size_t size) {
  int saved = dup(2), fd = memfd_create("stderr", MFD_CLOEXEC);
  ssize_t n;
  dup2(fd, 2);
  writer();
  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  n = pread(fd, text, size - 1, 0);
  close(fd);
  text[n > 0 ? n : 0] = 0;
  return n > 0 ? (size_t)n : 0;
}

static void reports(void) {
  static char text[1 << 20];
  char *buffer = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&buffer, &size);
  test_begin("malloc_stats writes its report to stderr");
  CHECK(stderr_bytes(malloc_stats, text, sizeof text) > 20);
  test_end();
  test_begin("malloc_info(0, stream) writes a closed <malloc> element to the stream");
  CHECK(malloc_info(0, stream) == 0);
  fclose(stream);
  CHECK_MSG(buffer && strncmp(buffer, "<malloc", 7) == 0, "it begins with %.20s", buffer);
  CHECK_MSG(buffer && strstr(buffer, "</malloc>"), "it is not closed");
  free(buffer);
  test_end();
  test_begin("malloc_info with options other than 0 fails with EINVAL");
  errno = 0;
  int answer = malloc_info(1, stdout);
  CHECK_MSG(answer == EINVAL || (answer == -1 && errno == EINVAL), "%d, errno %d", answer, errno);
  test_end();
}

int main(void) {
  api_served();
  all_own();
  releases();
  usable_size();
  mallinfo_counts();
  trim();
  options();
  reports();
  return api_close();
}
