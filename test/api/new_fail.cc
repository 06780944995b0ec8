/* new_fail - a failing new: bad_alloc, the new_handler, and nullptr from the nothrow ones. */
#include "api.h"

#include <new>
#include <sys/resource.h>

using std::align_val_t;
using std::nothrow;
using std::size_t;

static const size_t too_big[] = {static_cast<size_t>(PTRDIFF_MAX) + 1, SIZE_MAX - 4096,
                                 SIZE_MAX - 15, SIZE_MAX};

static const struct {
  const char *name;
  bool throws;
  void *(*get)(size_t n);
} ways[] = {
    {"new(n)", true, [](size_t n) { return ::operator new(n); }},
    {"new[](n)", true, [](size_t n) { return ::operator new[](n); }},
    {"new(n, align)", true, [](size_t n) { return ::operator new(n, align_val_t(64)); }},
    {"new[](n, align)", true, [](size_t n) { return ::operator new[](n, align_val_t(64)); }},
    {"new(n, nothrow)", false, [](size_t n) { return ::operator new(n, nothrow); }},
    {"new[](n, nothrow)", false, [](size_t n) { return ::operator new[](n, nothrow); }},
    {"new(n, align, nothrow)", false,
     [](size_t n) { return ::operator new(n, align_val_t(64), nothrow); }},
    {"new[](n, align, nothrow)", false,
     [](size_t n) { return ::operator new[](n, align_val_t(64), nothrow); }},
};

enum outcome { GAVE, GAVE_NULL, THREW_BAD_ALLOC, THREW_OTHER };
static const char *const outcomes[] = {"a block", "nullptr", "bad_alloc", "another exception"};

/* What WAY does when asked for N bytes; a block that it gives is deleted. */
static outcome ask(size_t way, size_t n) {
  try {
    void *p = opaque_ptr(ways[way].get(opaque(n)));
    if (!p) return GAVE_NULL;
    if (strstr(ways[way].name, "align"))
      ::operator delete(p, align_val_t(64));
    else
      ::operator delete(p);
    return GAVE;
  } catch (const std::bad_alloc &) {
    return THREW_BAD_ALLOC;
  } catch (...) {
    return THREW_OTHER;
  }
}

static void expect(size_t way, size_t n, outcome expected) {
  outcome seen = ask(way, n);
  CHECK_MSG(seen == expected, "%s of %zu bytes: %s instead of %s", ways[way].name, n,
            outcomes[seen], outcomes[expected]);
}

/* Opens the promise "NAME of way: TEXT" in a buffer that outlives it. */
static void begin(size_t way, const char *text) {
  static char name[160];
  snprintf(name, sizeof name, "%s: %s", ways[way].name, text);
  test_begin(name);
}

static void without_handler(size_t way) {
  begin(way, ways[way].throws ? "a size that cannot be throws bad_alloc"
                              : "a size that cannot be gives nullptr");
  for (size_t n : too_big) expect(way, n, ways[way].throws ? THREW_BAD_ALLOC : GAVE_NULL);
  test_end();
}

static int calls;

/* Gives up after the third call, the one way the standard knows beside freeing and throwing. */
static void thrice() {
  if (++calls == 3) std::set_new_handler(nullptr);
}

static void throwing() {
  calls++;
  throw std::bad_alloc();
}

struct other {};

static void throwing_other() {
  calls++;
  throw other();
}

/* The handler is called until it uninstalls itself, and an exception of its own passes through. */
static void with_handler(size_t way) {
  outcome fails = ways[way].throws ? THREW_BAD_ALLOC : GAVE_NULL;
  begin(way, "the new_handler is called again and again while it is installed");
  calls = 0;
  std::set_new_handler(thrice);
  expect(way, SIZE_MAX / 2 + 2, fails);
  CHECK_MSG(calls == 3, "called %d times instead of 3", calls);
  std::set_new_handler(nullptr);
  test_end();
  begin(way, "a new_handler that throws bad_alloc is called once");
  calls = 0;
  std::set_new_handler(throwing);
  expect(way, SIZE_MAX / 2 + 2, fails);
  CHECK_MSG(calls == 1, "called %d times instead of once", calls);
  std::set_new_handler(nullptr);
  test_end();
  if (!ways[way].throws) return;
  begin(way, "another exception of the new_handler reaches the caller");
  std::set_new_handler(throwing_other);
  expect(way, SIZE_MAX / 2 + 2, THREW_OTHER);
  std::set_new_handler(nullptr);
  test_end();
}

/* ---- a handler that releases memory ---- */

static void *reserve;

static void release() {
  calls++;
  free(reserve);
  reserve = nullptr;
  std::set_new_handler(nullptr);
}

static size_t child_way;

static size_t address_space() {
  size_t pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHILD_CHECK(file && fscanf(file, "%zu", &pages) == 1);
  fclose(file);
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

/* Under a limit that holds the reserve or the request, not both. */
static void released_in_time() {
  reserve = opaque_ptr(malloc(150 * MIB));
  CHILD_CHECK(reserve != nullptr);
  struct rlimit space;
  space.rlim_cur = space.rlim_max = address_space() + 60 * MIB;
  CHILD_CHECK(setrlimit(RLIMIT_AS, &space) == 0);
  calls = 0;
  CHILD_CHECK(ask(child_way, 140 * MIB) == (ways[child_way].throws ? THREW_BAD_ALLOC : GAVE_NULL));
  std::set_new_handler(release);
  CHILD_CHECK(ask(child_way, 140 * MIB) == GAVE);
  CHILD_CHECK(calls == 1);
  CHILD_CHECK(api_violations() == 0);
}

static void with_release(size_t way) {
  begin(way, "succeeds when the new_handler releases enough");
  child_way = way;
  api_child(released_in_time, 20);
  test_end();
}

/* The size of an array is checked before any operator is asked. */
static void array_length() {
  test_begin("an array whose length overflows throws bad_alloc's bad_array_new_length");
  bool thrown = false;
  try {
    long *p = new long[opaque(SIZE_MAX / 4)];
    delete[] static_cast<long *>(opaque_ptr(p));
  } catch (const std::bad_alloc &) {
    thrown = true;
  }
  CHECK(thrown);
  test_end();
}

int main() {
  api_served();
  for (size_t way = 0; way < COUNT_OF(ways); way++) {
    without_handler(way);
    with_handler(way);
    with_release(way);
  }
  array_length();
  return api_close();
}
