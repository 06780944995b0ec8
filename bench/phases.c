/* phases - how much memory is held per live byte when sizes shift and some blocks stay?
 *
 * Usage: phases PHASES LIVE_KIB SURVIVORS
 * One thread. Each phase allocates LIVE_KIB of blocks of its own range of sizes, replaces half as
 * many at random, and frees them all but one in SURVIVORS, at random places; these live to the end.
 * Memory that a phase left full of holes serves the next one only if the allocator can give it
 * another size. Live and resident memory are printed at the end of each phase, and
 *     peak-rss/live: the most resident memory over the most live bytes
 *     end-rss/live: the same of the end, when the survivors alone are live
 *     trim-rss/live: then after the call that the allocator has for giving memory back
 * The benchmark's table of blocks is not counted in these. An operation is a malloc.
 */
#include "block.h"

static const struct range {
  uint64_t min, max; /* bytes */
} range[] = {{32, 96}, {256, 1024},   {64, 256},  {1024, 8192},
             {48, 48}, {4096, 32768}, {100, 300}, {500, 2500}};

struct phases {
  void **block; /* of the phase */
  uint64_t blocks;
  void **kept; /* survivors of all phases */
  uint64_t kept_count;
  uint64_t live, peak_live; /* bytes */
  long peak_rss;            /* KiB, without the table */
  uint64_t random, ops;
};

static void *phases_new(struct phases *all, const struct range *sizes) {
  uint64_t span = sizes->max - sizes->min + 1;
  uint64_t size = sizes->min + bench_scale(bench_random(&all->random), span);
  all->live += size;
  all->ops++;
  return block_new(size);
}

static void phases_free(struct phases *all, void *block) {
  all->live -= block_check(block);
  block_free(block);
}

/* Reads resident memory in KiB, less the part of the table that is in use. */
static long phases_rss(const struct phases *all) {
  return bench_rss_kib() - (long)((all->blocks + all->kept_count) * sizeof(void *) / 1024);
}

static double phases_held(const struct phases *all) {
  return (double)phases_rss(all) * 1024 / (double)(all->live ? all->live : 1);
}

static void phase_fill(struct phases *all, const struct range *sizes, uint64_t bytes) {
  uint64_t until = all->live + bytes;
  while (all->live < until) all->block[all->blocks++] = phases_new(all, sizes);
  for (uint64_t i = 0; i < all->blocks / 2; i++) {
    uint64_t place = bench_scale(bench_random(&all->random), all->blocks);
    phases_free(all, all->block[place]);
    all->block[place] = phases_new(all, sizes);
  }
}

static void phase_empty(struct phases *all, uint64_t survivors) {
  for (uint64_t i = 0; i < all->blocks; i++) {
    if (bench_scale(bench_random(&all->random), survivors) == 0)
      all->kept[all->kept_count++] = all->block[i];
    else
      phases_free(all, all->block[i]);
  }
  madvise(all->block, all->blocks * sizeof(void *), MADV_DONTNEED);
  all->blocks = 0;
}

static void phase_run(struct phases *all, uint64_t number, uint64_t bytes, uint64_t survivors) {
  long rss;
  phase_fill(all, &range[number % (sizeof range / sizeof *range)], bytes);
  rss = phases_rss(all);
  if (rss > all->peak_rss) all->peak_rss = rss;
  if (all->live > all->peak_live) all->peak_live = all->live;
  phase_empty(all, survivors);
  dprintf(STDOUT_FILENO,
          "phase-%" PRIu64 "-live-kib: %" PRIu64 "\nphase-%" PRIu64 "-rss-kib: %ld\n", number,
          all->live / 1024, number, phases_rss(all));
}

int main(int argc, char **argv) {
  uint64_t phases = bench_arg(argc, argv, 1, 1), bytes = bench_arg(argc, argv, 2, 64) * 1024;
  uint64_t survivors = bench_arg(argc, argv, 3, 1), most = bytes / range[0].min + 1;
  struct phases all = {.random = bench_seed(1)};
  double seconds = bench_now();
  all.block = bench_pages(most * sizeof(void *));
  all.kept = bench_pages(most * phases * sizeof(void *));
  for (uint64_t i = 0; i < phases; i++) phase_run(&all, i, bytes, survivors);
  seconds = bench_now() - seconds;
  bench_result(all.ops, seconds);
  dprintf(STDOUT_FILENO, "peak-live-kib: %" PRIu64 "\npeak-rss/live: %.4f\nend-rss/live: %.4f\n",
          all.peak_live / 1024, (double)all.peak_rss * 1024 / (double)all.peak_live,
          phases_held(&all));
  bench_give_back();
  dprintf(STDOUT_FILENO, "trim-rss/live: %.4f\n", phases_held(&all));
  for (uint64_t i = 0; i < all.kept_count; i++) block_free(all.kept[i]);
  bench_proof();
  return 0;
}
