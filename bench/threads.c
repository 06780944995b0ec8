/* threads - does memory stay flat, and what does a thread cost, when threads live briefly?
 *
 * Usage: threads THREADS AT_ONCE KIB
 * Starts THREADS threads, AT_ONCE at a time. Each allocates about KIB KiB in blocks of 16..1024
 * bytes, marks them, and checks and frees them all. Resident memory is read at the start, after a
 * tenth of the threads, and at the end: an allocator that keeps what ended threads had grows.
 */
#include "block.h"

#include <pthread.h>

#define BLOCKS_MAX 4096
#define AT_ONCE_MAX 256

static uint64_t bytes_per_thread;

static void *thread_live(void *argument) {
  void *block[BLOCKS_MAX];
  uint64_t random = bench_seed((uint64_t)(uintptr_t)argument), bytes = 0, blocks = 0;
  while (bytes < bytes_per_thread && blocks < BLOCKS_MAX) {
    size_t size = 16 + bench_scale(bench_random(&random), 1009);
    block[blocks++] = block_new(size);
    bytes += size;
  }
  while (blocks > 0) block_free(block[--blocks]);
  return NULL;
}

/* Runs COUNT threads side by side, the first of them with number FIRST. */
static void threads_run(uint64_t first, uint64_t count) {
  pthread_t thread[AT_ONCE_MAX];
  for (uint64_t i = 0; i < count; i++)
    if (pthread_create(&thread[i], NULL, thread_live, (void *)(uintptr_t)(first + i)))
      bench_die("no thread");
  for (uint64_t i = 0; i < count; i++) pthread_join(thread[i], NULL);
}

int main(int argc, char **argv) {
  uint64_t threads = bench_arg(argc, argv, 1, 10), at_once = bench_arg(argc, argv, 2, 1);
  long start = bench_rss_kib(), tenth = -1, end;
  double seconds = bench_now();
  bytes_per_thread = bench_arg(argc, argv, 3, 1) * 1024;
  if (at_once > AT_ONCE_MAX) bench_die("more than 256 threads at once");
  if (bytes_per_thread > UINT64_C(256) * BLOCKS_MAX) bench_die("more than 1024 KiB per thread");
  for (uint64_t done = 0; done < threads; done += at_once) {
    threads_run(done, threads - done < at_once ? threads - done : at_once);
    if (tenth < 0 && done + at_once >= threads / 10) tenth = bench_rss_kib();
  }
  seconds = bench_now() - seconds;
  end = bench_rss_kib();
  dprintf(STDOUT_FILENO, "seconds: %.6f\nus/thread: %.3f\n", seconds,
          seconds * 1e6 / (double)threads);
  dprintf(STDOUT_FILENO, "rss-start-kib: %ld\nrss-tenth-kib: %ld\nrss-end-kib: %ld\n", start,
          tenth, end);
  bench_proof();
  return 0;
}
