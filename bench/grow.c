/* grow - what does it cost to let buffers grow by realloc?
 *
 * Usage: grow OPS BUFFERS MAX_SIZE strings|vectors
 * One thread. Each operation lets a random one of BUFFERS buffers grow by realloc and writes what
 * is new: a string by 8..71 bytes, as appending does; a vector to twice its size, from 64 bytes on.
 * A buffer that would be above MAX_SIZE bytes is checked from end to end, freed, and begun anew.
 * One vector that doubles to 1 GiB shows in the peak of resident memory whether realloc copies.
 */
#include "bench.h"

enum kind { KIND_STRINGS, KIND_VECTORS };

#define VECTOR_LEAST 64

struct buffer {
  uint8_t *at;
  size_t size;
};

static uint64_t size_max;

/* The byte that all of buffer number INDEX holds. */
static uint8_t fill_of(uint64_t index) {
  return (uint8_t)(index * 37 + 11);
}

static void buffer_end(struct buffer *buffer, uint8_t fill) {
  if (!buffer->size) return;
  if (buffer->at[0] != fill || memcmp(buffer->at, buffer->at + 1, buffer->size - 1) != 0)
    bench_corrupted(buffer->at, buffer->size, "it was overwritten, or realloc lost a part");
  free(buffer->at);
  *buffer = (struct buffer){NULL, 0};
}

static void buffer_grow(struct buffer *buffer, size_t size, uint8_t fill) {
  uint8_t *at = realloc(buffer->at, size);
  if (!at) bench_die("realloc returned NULL");
  memset(at + buffer->size, fill, size - buffer->size);
  *buffer = (struct buffer){at, size};
}

static size_t size_next(enum kind kind, size_t size, uint64_t bits) {
  if (kind == KIND_STRINGS) return size + 8 + bench_scale(bits, 64);
  return size ? 2 * size : VECTOR_LEAST;
}

int main(int argc, char **argv) {
  static const char *const kind_name[] = {"strings", "vectors", NULL};
  uint64_t ops = bench_arg(argc, argv, 1, 1), buffers = bench_arg(argc, argv, 2, 1);
  enum kind kind = bench_choice(argc, argv, 4, kind_name);
  struct buffer *buffer = bench_pages(buffers * sizeof *buffer);
  uint64_t random = bench_seed(1);
  double seconds = bench_now();
  size_max = bench_arg(argc, argv, 3, 256);
  if (buffers > UINT32_MAX) bench_die("an argument is above 2^32");
  for (uint64_t i = 0; i < ops; i++) {
    uint64_t bits = bench_random(&random), index = bench_scale(bits >> 32, buffers);
    size_t size = size_next(kind, buffer[index].size, bits);
    if (size > size_max) {
      buffer_end(&buffer[index], fill_of(index));
      size = size_next(kind, 0, bits);
    }
    buffer_grow(&buffer[index], size, fill_of(index));
  }
  seconds = bench_now() - seconds;
  for (uint64_t i = 0; i < buffers; i++) buffer_end(&buffer[i], fill_of(i));
  bench_result(ops, seconds);
  bench_proof();
  return 0;
}
