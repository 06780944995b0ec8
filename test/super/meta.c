/* meta - memory for descriptors: zeroed, aligned, apart, and kept for ever. */
#include "super/meta.h"

#include <errno.h>

#include "base/bits.h"
#include "diag/counter.h"
#include "helpers/box.h"

enum { THREADS = 4, PIECES = 3000 };

struct piece {
  unsigned char *p;
  size_t bytes;
};

static struct piece pieces[THREADS][PIECES];

/* Takes pieces of all sizes and fills each with its own byte. */
static void *take_many(void *pointer) {
  struct piece *own = pointer;
  uint64_t state = (uintptr_t)pointer;
  int error = 0;
  long bad = 0;
  for (int i = 0; i < PIECES; i++) {
    size_t align = (size_t)16 << random_below(&state, 9);
    own[i].bytes = 1 + random_below(&state, i % 500 ? 3000 : 700000);
    own[i].p = meta_alloc(own[i].bytes, align, &error);
    bad +=
        !own[i].p || ((uintptr_t)own[i].p & (align - 1)) || !all_bytes(own[i].p, own[i].bytes, 0);
    if (own[i].p) memset(own[i].p, 1 + i % 255, own[i].bytes);
  }
  return (void *)bad;
}

static bool is_listed(const unsigned char *p, size_t bytes) {
  for (const struct meta_chunk *c = meta_chunks(); c; c = c->next)
    if (p > (const unsigned char *)c && p + bytes <= (const unsigned char *)c + c->bytes)
      return true;
  return false;
}

static size_t listed_bytes(void) {
  size_t sum = 0;
  for (const struct meta_chunk *c = meta_chunks(); c; c = c->next) sum += c->bytes;
  return sum;
}

static void threads(void) {
  pthread_t thread[THREADS];
  void *bad;
  uint64_t sum = 0;
  test_begin("pieces of any size and alignment are zeroed and aligned, for 4 threads at once");
  for (int i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, take_many, pieces[i]);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(thread[i], &bad);
    CHECK_MSG(!bad, "%ld bad pieces", (long)bad);
  }
  test_end();
  test_begin("no piece overlaps another: each holds what was written to it until the end");
  for (int t = 0; t < THREADS; t++) {
    for (int i = 0; i < PIECES; i++) {
      CHECK(all_bytes(pieces[t][i].p, pieces[t][i].bytes, (unsigned char)(1 + i % 255)));
      sum += pieces[t][i].bytes;
    }
  }
  test_end();
  test_begin("each piece lies in one of the mappings that meta_chunks lists, and these are all");
  for (int t = 0; t < THREADS; t++)
    for (int i = 0; i < PIECES; i++) CHECK(is_listed(pieces[t][i].p, pieces[t][i].bytes));
  CHECK_MSG(listed_bytes() == count_read(CNT_META_BYTES), "%zu are listed", listed_bytes());
  test_end();
  test_begin("super.meta_bytes counts what was mapped, at least what was given");
  CHECK_MSG(count_read(CNT_META_BYTES) >= sum, "%lu bytes counted, %lu given",
            (unsigned long)count_read(CNT_META_BYTES), (unsigned long)sum);
  test_end();
}

static void thrift(void) {
  int error;
  uint64_t before;
  test_begin("small pieces share a mapping of 512 KiB: 4,000 of 64 bytes map at most one more");
  meta_alloc(64, 64, &error);
  before = count_read(CNT_META_BYTES);
  for (int i = 0; i < 4000; i++) CHECK(meta_alloc(64, 64, &error));
  CHECK_MSG(count_read(CNT_META_BYTES) - before <= 512 * KIB, "%lu bytes",
            (unsigned long)(count_read(CNT_META_BYTES) - before));
  test_end();
}

static void without_memory(void) {
  struct rlimit limit = {0, RLIM_INFINITY};
  uint64_t before;
  int error = 0;
  int n = 0;
  setrlimit(RLIMIT_AS, &limit);
  before = count_read(CNT_META_BYTES);
  while (n < 100000 && meta_alloc(1000, 16, &error)) n++;
  CHECK_MSG(n < 100000 && error == ENOMEM, "%d pieces, error %d", n, error);
  CHECK(!meta_alloc((size_t)1 << 20, 16, &error) && count_read(CNT_META_BYTES) == before);
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_AS, &limit);
  CHECK(meta_alloc(1000, 16, &error));
}

int main(void) {
  threads();
  thrift();
  test_begin("without memory it says why, after what was mapped is used up; later it works again");
  expect_return(without_memory);
  test_end();
  return test_status();
}
