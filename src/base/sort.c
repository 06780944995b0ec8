#include "base/sort.h"

#include <string.h>

#include "base/text.h"

struct heap {
  char *records;
  size_t size;
};

static uint64_t key(const struct heap *heap, size_t i) {
  uint64_t k;
  memcpy(&k, heap->records + i * heap->size, sizeof k);
  return k;
}

static void swap(const struct heap *heap, size_t a, size_t b) {
  char kept[SORT_RECORD_MOST];
  char *x = heap->records + a * heap->size;
  char *y = heap->records + b * heap->size;
  memcpy(kept, x, heap->size);
  memcpy(x, y, heap->size);
  memcpy(y, kept, heap->size);
}

/* Lets the record at I sink until neither of its children among the first N is larger. */
static void sink(const struct heap *heap, size_t i, size_t n) {
  for (size_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && key(heap, child + 1) > key(heap, child)) child++;
    if (key(heap, i) >= key(heap, child)) return;
    swap(heap, i, child);
  }
}

void sort_records(void *records, size_t n, size_t size) {
  struct heap heap = {records, size};
  ASSERT(size >= sizeof(uint64_t) && size <= SORT_RECORD_MOST);
  for (size_t i = n / 2; i-- > 0;) sink(&heap, i, n);
  for (size_t end = n; end-- > 1;) {
    swap(&heap, 0, end);
    sink(&heap, 0, end);
  }
}
