/* new - every global operator new and delete of C++20, in every combination that matches. */
#include "api.h"

#include <cxxabi.h>
#include <new>

#if !defined(__cpp_aligned_new)
#error "needs C++17 or later"
#endif

/* Declared here as well: some compilers leave the sized ones out unless asked. */
void operator delete(void *p, std::size_t size) noexcept;
void operator delete[](void *p, std::size_t size) noexcept;
void operator delete(void *p, std::size_t size, std::align_val_t alignment) noexcept;
void operator delete[](void *p, std::size_t size, std::align_val_t alignment) noexcept;

using std::align_val_t;
using std::nothrow;
using std::size_t;

static const size_t sizes[] = {0,    1,     8,     16,    17,     100,    1000,    1024,
                               1025, 10000, 32768, 40000, 100000, 300000, 3145728, 20000000};

/* ---- the ways to get a block, and those to release it; A is its alignment ---- */

typedef void *getter(size_t n, size_t a);
typedef void putter(void *p, size_t n, size_t a);

static void *plain(size_t n, size_t) { return ::operator new(n); }
static void *plain_nothrow(size_t n, size_t) { return ::operator new(n, nothrow); }
static void *aligned(size_t n, size_t a) { return ::operator new(n, align_val_t(a)); }
static void *aligned_nothrow(size_t n, size_t a) {
  return ::operator new(n, align_val_t(a), nothrow);
}
static void *array(size_t n, size_t) { return ::operator new[](n); }
static void *array_nothrow(size_t n, size_t) { return ::operator new[](n, nothrow); }
static void *array_aligned(size_t n, size_t a) { return ::operator new[](n, align_val_t(a)); }
static void *array_aligned_nothrow(size_t n, size_t a) {
  return ::operator new[](n, align_val_t(a), nothrow);
}

static void del(void *p, size_t, size_t) { ::operator delete(p); }
static void del_nothrow(void *p, size_t, size_t) { ::operator delete(p, nothrow); }
static void del_sized(void *p, size_t n, size_t) { ::operator delete(p, n); }
static void del_aligned(void *p, size_t, size_t a) { ::operator delete(p, align_val_t(a)); }
static void del_aligned_sized(void *p, size_t n, size_t a) {
  ::operator delete(p, n, align_val_t(a));
}
static void del_aligned_nothrow(void *p, size_t, size_t a) {
  ::operator delete(p, align_val_t(a), nothrow);
}
static void del_array(void *p, size_t, size_t) { ::operator delete[](p); }
static void del_array_nothrow(void *p, size_t, size_t) { ::operator delete[](p, nothrow); }
static void del_array_sized(void *p, size_t n, size_t) { ::operator delete[](p, n); }
static void del_array_aligned(void *p, size_t, size_t a) { ::operator delete[](p, align_val_t(a)); }
static void del_array_aligned_sized(void *p, size_t n, size_t a) {
  ::operator delete[](p, n, align_val_t(a));
}
static void del_array_aligned_nothrow(void *p, size_t, size_t a) {
  ::operator delete[](p, align_val_t(a), nothrow);
}

/* A getter with the releases that the standard allows for its blocks. */
struct family {
  const char *name;
  bool is_aligned;
  getter *get;
  putter *put[3];
};

static const family families[] = {
    {"new(n)", false, plain, {del, del_nothrow, del_sized}},
    {"new(n, nothrow)", false, plain_nothrow, {del, del_nothrow, del_sized}},
    {"new(n, align)", true, aligned, {del_aligned, del_aligned_nothrow, del_aligned_sized}},
    {"new(n, align, nothrow)", true, aligned_nothrow,
     {del_aligned, del_aligned_nothrow, del_aligned_sized}},
    {"new[](n)", false, array, {del_array, del_array_nothrow, del_array_sized}},
    {"new[](n, nothrow)", false, array_nothrow, {del_array, del_array_nothrow, del_array_sized}},
    {"new[](n, align)", true, array_aligned,
     {del_array_aligned, del_array_aligned_nothrow, del_array_aligned_sized}},
    {"new[](n, align, nothrow)", true, array_aligned_nothrow,
     {del_array_aligned, del_array_aligned_nothrow, del_array_aligned_sized}},
};

/* Takes three blocks alike, one for each release, and checks all that can be seen of them. */
static void three(const family &f, size_t n, size_t align) {
  struct block blocks[3];
  for (size_t i = 0; i < 3; i++)
    blocks[i] = block_take(opaque_ptr(f.get(opaque(n), align)), n, align < 16 ? 16 : align, i + n);
  struct block sorted[3] = {blocks[0], blocks[1], blocks[2]};
  blocks_apart(sorted, 3);
  for (size_t i = 0; i < 3; i++) {
    block_verify(&blocks[i]);
    errno = 4711;
    f.put[i](blocks[i].p, n, align);
    CHECK_MSG(errno == 4711, "delete %zu changed errno to %d", i, errno);
  }
}

static void run(const family &f) {
  char name[128];
  size_t most = f.is_aligned ? 4 * MIB : 1;
  snprintf(name, sizeof name, "%s and its three deletes, all sizes%s", f.name,
           f.is_aligned ? ", alignments 1..4 MiB" : "");
  test_begin(name);
  for (size_t align = 1; align <= most; align *= 2)
    for (size_t n : sizes) three(f, n, align);
  test_end();
}

static const size_t leak_sizes[] = {100, 5000, 100000, 3145728};

/* No release leaves anything: memory stays flat through many rounds. */
static void no_leak(const family &f) {
  char name[128];
  size_t before = 0;
  snprintf(name, sizeof name, "%s: 40 rounds of 4 MiB per size leave no memory behind", f.name);
  test_begin(name);
  for (int round = 0; round < 40; round++) {
    if (round == 10) before = api_resident();
    for (size_t n : leak_sizes) {
      for (size_t i = 0; i < 4 * MIB / n; i++) {
        void *p = opaque_ptr(f.get(opaque(n), 64));
        memset(p, 1, n);
        f.put[i % 3](p, n, 64);
      }
    }
  }
  size_t after = api_resident();
  CHECK_MSG(after < before + 16 * MIB, "resident memory grew by %zu KiB", (after - before) / KIB);
  test_end();
}

static void of_null() {
  test_begin("every delete takes a null pointer and preserves errno");
  errno = 4711;
  for (const family &f : families)
    for (putter *put : f.put) put(nullptr, 0, 64);
  CHECK(errno == 4711);
  test_end();
}

/* ---- whose they are ---- */

static const char *const symbols[] = {
    "_Znwm", "_Znam", "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t", "_ZnwmSt11align_val_t",
    "_ZnamSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t",
    "_ZnamSt11align_val_tRKSt9nothrow_t", "_ZdlPv", "_ZdaPv", "_ZdlPvRKSt9nothrow_t",
    "_ZdaPvRKSt9nothrow_t", "_ZdlPvm", "_ZdaPvm", "_ZdlPvSt11align_val_t",
    "_ZdaPvSt11align_val_t", "_ZdlPvSt11align_val_tRKSt9nothrow_t",
    "_ZdaPvSt11align_val_tRKSt9nothrow_t", "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t",
};

/* libstdc++ has all of these too, so the process always finds one: hakmem's must come first. */
static void own() {
  Dl_info here = {}, there = {};
  api_check_fn *check = api_checker();
  const char name[] = "all 20 operators new and delete are hakmem's own";
  if (api_any()) return test_skip(name, "HAK_TEST_ANY=1");
  test_begin(name);
  CHECK(check && dladdr(reinterpret_cast<void *>(check), &here));
  for (const char *symbol : symbols) {
    void *found = dlsym(RTLD_DEFAULT, symbol);
    int known = found && dladdr(found, &there);
    CHECK_MSG(known && there.dli_fbase == here.dli_fbase, "%s is %s's", symbol,
              known ? there.dli_fname : "nobody");
  }
  test_end();
}

/* ---- expressions, as a compiler emits them ---- */

struct alignas(256) wide {
  char bytes[700];
  wide() { memset(bytes, 3, sizeof bytes); }
  virtual ~wide() {}
};

struct thrower {
  char bytes[1000];
  thrower() { throw 17; }
};

static void expressions() {
  test_begin("new and delete expressions: over-aligned types, arrays, polymorphic deletes");
  for (int i = 1; i < 200; i++) {
    wide *one = new wide, *many = new wide[static_cast<size_t>(i)];
    CHECK(reinterpret_cast<uintptr_t>(opaque_ptr(one)) % 256 == 0);
    CHECK(reinterpret_cast<uintptr_t>(&many[i - 1]) % 256 == 0);
    CHECK(one->bytes[699] == 3 && many[i - 1].bytes[699] == 3);
    delete one;
    delete[] many;
  }
  test_end();
  test_begin("a constructor that throws gives its object's memory back");
  size_t before = api_resident();
  for (int i = 0; i < 100000; i++) {
    int caught = 0;
    try {
      delete new thrower;
    } catch (int thrown) {
      caught = thrown;
    }
    CHECK(caught == 17);
  }
  CHECK(api_resident() < before + 16 * MIB);
  test_end();
}

int main() {
  api_served();
  own();
  for (const family &f : families) run(f);
  for (const family &f : families) no_leak(f);
  of_null();
  expressions();
  return api_close();
}
