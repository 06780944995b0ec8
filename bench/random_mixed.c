/* random_mixed - how many allocations and frees per second of mixed small sizes in random order?
 *
 * Usage: random_mixed OPS WORKING_SET MIN_SIZE MAX_SIZE SEED
 * One thread. Each operation picks a random slot of the working set: a filled one is freed, an
 * empty one gets a block of a random size, whose first and last bytes are written. They are checked
 * in the blocks that are live at the end: inside the loop that would touch memory which the program
 * does not need.
 */
#include "bench.h"

/* What a block begins with: may_alias, since the block is bytes otherwise. */
struct size {
  uint32_t bytes;
} __attribute__((may_alias));

struct mix {
  uint8_t **slot;
  uint64_t slots;
  uint64_t min, span; /* sizes are min .. min + span - 1 bytes */
  uint64_t random;
};

static void mix_step(struct mix *mix) {
  uint64_t bits = bench_random(&mix->random), place = bench_scale(bits >> 32, mix->slots);
  uint8_t **slot = &mix->slot[place];
  uint8_t *p = *slot;
  size_t size;
  if (p) {
    free(p);
    *slot = NULL;
    return;
  }
  size = mix->min + bench_scale(bits, mix->span);
  p = malloc(size);
  if (!p) bench_die("malloc returned NULL");
  *(struct size *)p = (struct size){(uint32_t)size};
  p[size - 1] = (uint8_t)place;
  *slot = p;
}

/* Checks the blocks that are live. */
static void mix_check(const struct mix *mix) {
  for (uint64_t place = 0; place < mix->slots; place++) {
    const uint8_t *p = mix->slot[place];
    uint32_t size = p ? ((const struct size *)p)->bytes : 0;
    if (p && (size < mix->min || size >= mix->min + mix->span))
      bench_corrupted(p, size, "its first bytes were overwritten");
    if (p && p[size - 1] != (uint8_t)place)
      bench_corrupted(p, size, "its last byte was overwritten");
  }
}

int main(int argc, char **argv) {
  uint64_t ops = bench_arg(argc, argv, 1, 1);
  struct mix mix = {.slots = bench_arg(argc, argv, 2, 1), .min = bench_arg(argc, argv, 3, 8)};
  double seconds;
  mix.span = bench_arg(argc, argv, 4, mix.min) - mix.min + 1;
  mix.random = bench_seed(bench_arg(argc, argv, 5, 0));
  if (mix.slots > UINT32_MAX || mix.span > UINT32_MAX) bench_die("an argument is above 2^32");
  mix.slot = bench_pages(mix.slots * sizeof *mix.slot);

  seconds = bench_now();
  for (uint64_t i = 0; i < ops; i++) mix_step(&mix);
  seconds = bench_now() - seconds;

  mix_check(&mix);
  bench_result(ops, seconds);
  bench_proof();
  return 0;
}
