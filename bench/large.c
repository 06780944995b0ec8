/* large - what does a large block cost, with its pages touched and without?
 *
 * Usage: large OPS BLOCKS touch|leave
 * One thread. Each operation frees a random one of BLOCKS blocks and allocates one of 100 KB..25 MB
 * in its place, each doubling of the size as likely as the next. touch: a byte of every page is
 * written, and checked before the free; leave: nothing is written. Blocks that overlap at the end
 * of the run end the program with status 1.
 */
#include "bench.h"

#define SIZE_LEAST 100000
#define SIZE_DOUBLINGS 8 /* 100 KB << 8 is 25.6 MB */
#define PAGE 4096

struct span {
  uint8_t *at;
  size_t size;
  uint8_t mark;
};

static void span_open(struct span *span, uint64_t bits, int touch) {
  size_t least = (size_t)SIZE_LEAST << (bits >> 40) % SIZE_DOUBLINGS;
  span->size = least + bench_scale(bits, least);
  span->mark = (uint8_t)(bits >> 56 | 1);
  span->at = malloc(span->size);
  if (!span->at) bench_die("malloc returned NULL");
  for (size_t i = 0; touch && i < span->size; i += PAGE) span->at[i] = span->mark;
}

static void span_close(struct span *span, int touch) {
  for (size_t i = 0; touch && i < span->size; i += PAGE)
    if (span->at[i] != span->mark) bench_corrupted(span->at, span->size, "it was overwritten");
  free(span->at);
}

static int spans_overlap(const struct span *a, const struct span *b) {
  return a->at < b->at + b->size && b->at < a->at + a->size;
}

int main(int argc, char **argv) {
  static const char *const mode_name[] = {"leave", "touch", NULL};
  uint64_t ops = bench_arg(argc, argv, 1, 1), blocks = bench_arg(argc, argv, 2, 1);
  int touch = bench_choice(argc, argv, 3, mode_name) == 1;
  struct span *span = bench_pages(blocks * sizeof *span);
  uint64_t random = bench_seed(1);
  double seconds = bench_now();
  if (blocks > UINT32_MAX) bench_die("an argument is above 2^32");
  for (uint64_t i = 0; i < ops; i++) {
    struct span *victim = &span[bench_scale(bench_random(&random), blocks)];
    if (victim->at) span_close(victim, touch);
    span_open(victim, bench_random(&random), touch);
  }
  seconds = bench_now() - seconds;
  for (uint64_t i = 0; i < blocks; i++)
    for (uint64_t j = 0; j < i; j++)
      if (span[i].at && span[j].at && spans_overlap(&span[i], &span[j]))
        bench_corrupted(span[i].at, span[i].size, "it overlaps another");
  for (uint64_t i = 0; i < blocks; i++)
    if (span[i].at) span_close(&span[i], touch);
  bench_result(ops, seconds);
  bench_proof();
  return 0;
}
