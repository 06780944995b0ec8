/* empty - what does the allocator cost a program that does nothing?
 *
 * Usage: empty [report]
 * Without an argument it ends at once: spawn.c times it. With one it makes a single allocation
 * (an allocator that was never called has not begun to cost), and prints its resident memory.
 */
#include "bench.h"

int main(int argc, char **argv) {
  void *p;
  (void)argv;
  if (argc < 2) return 0;
  p = malloc(64);
  bench_keep(p);
  free(p);
  dprintf(STDOUT_FILENO, "rss-kib: %ld\nvmhwm-kib: %ld\n", bench_rss_kib(),
          bench_proc_kib("/proc/self/status", "\nVmHWM:"));
  bench_proof();
  return 0;
}
