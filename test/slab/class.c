/* class - the class table, walked over all sizes, all offsets and all alignments. */
#include "slab/class.h"
#include "slab/slab.h"

#include "helpers/box.h"

static void sizes(void) {
  test_begin("class_of gives the smallest class that holds the size, for every size up to 256 KiB");
  for (size_t n = 0; n <= CLASS_MAX; n++) {
    unsigned class = class_of(n);
    CHECK_MSG(class > 0 && class < CLASSES && class_size(class) >= n, "%zu: class %u", n, class);
    CHECK_MSG(class == 1 || class_size(class - 1) < n, "%zu fits in the class below %u", n, class);
  }
  test_end();
  test_begin("class_of is the inverse of class_size");
  for (unsigned class = 1; class < CLASSES; class++) CHECK(class_of(class_size(class)) == class);
  CHECK(class_size(1) == 16 && class_size(CLASSES - 1) == CLASS_MAX && class_size(0) == 0);
  test_end();
  test_begin("the tiny codes are twice the class of their sizes");
  for (unsigned i = 0; i < TINY_CODES; i++) CHECK(class_tiny_codes[i] == 2 * class_of(16 * i));
  test_end();
}

static void rows(void) {
  test_begin("sizes are multiples of 16 in steps of 16, above 128 bytes of at most a quarter");
  for (unsigned class = 1; class < CLASSES; class++) {
    size_t below = class_size(class - 1);
    size_t step = class_size(class) - below;
    CHECK(class_size(class) % GRAIN == 0 && class_size(class) > below);
    CHECK_MSG(class_size(class) <= 128 ? step == 16 : step * 4 <= below, "class %u", class);
  }
  test_end();
  test_begin("a slab is 1 to 32 units with 8 to 4,096 blocks, as many as fit, and a bit for each");
  for (unsigned class = 1; class < CLASSES; class++) {
    const struct class_row *row = &class_table[class];
    size_t bytes = (size_t)row->units * UNIT_SIZE;
    CHECK_MSG(row->units >= 1 && row->units <= 32, "class %u", class);
    CHECK_MSG(row->blocks >= 8 && row->blocks <= 4096, "class %u: %u", class, row->blocks);
    CHECK_MSG(row->blocks == bytes / row->size, "class %u: %u blocks", class, row->blocks);
    CHECK_MSG(row->words == (row->blocks + 63) / 64 && row->words <= SLAB_WORDS, "class %u", class);
  }
  test_end();
  test_begin("some free blocks, at least 1 and at most 32, make a slab worth listing");
  for (unsigned class = 1; class < CLASSES; class++) {
    const struct class_row *row = &class_table[class];
    CHECK_MSG(row->threshold >= 1 && row->threshold <= 32, "class %u", class);
    CHECK_MSG(row->threshold <= row->blocks / 8u, "class %u: %u of %u", class, row->threshold,
              row->blocks);
  }
  test_end();
  test_begin(
      "a magazine holds at most 32 KiB, or its least number of blocks, and at most 128 blocks");
  for (unsigned class = 1; class < CLASSES; class++) {
    size_t capacity = class_table[class].capacity;
    CHECK_MSG(capacity >= 2 && capacity <= MAGAZINE_MAX, "class %u", class);
    CHECK_MSG(capacity * class_size(class) <= MAGAZINE_BYTES || capacity <= MAGAZINE_MIN,
              "class %u: %zu blocks", class, capacity);
  }
  test_end();
}

static void division(void) {
  test_begin("offset * magic >> 40 is offset / size, and tells whole multiples, for every class "
             "and every offset in its slab");
  for (unsigned class = 1; class < CLASSES; class++) {
    const struct class_row *row = &class_table[class];
    size_t bytes = (size_t)row->units * UNIT_SIZE;
    for (size_t offset = 0; offset < bytes; offset++) {
      size_t quotient = (uint64_t)offset * row->magic >> MAGIC_SHIFT;
      bool whole = slab_whole((uint64_t)offset * row->magic, row->magic);
      if (quotient == offset / row->size && whole == (offset % row->size == 0)) continue;
      test_fail("class %u, offset %zu: %zu", class, offset, quotient);
      break;
    }
  }
  test_end();
}

static unsigned naive_aligned(size_t size, size_t align) {
  if (align > UNIT_SIZE) return 0;
  for (unsigned class = 1; class < CLASSES; class++)
    if (class_size(class) >= size && class_size(class) % align == 0) return class;
  return 0;
}

static void aligned(void) {
  test_begin(
      "class_code_aligned gives the smallest class of multiples, for every alignment to 2 MiB");
  for (size_t align = 1; align <= 2 * MIB; align *= 2) {
    for (size_t size = 0; size <= CLASS_MAX + 100; size += size < 5000 ? 1 : 61)
      CHECK_MSG(class_code_aligned(size, align) == 2 * naive_aligned(size, align),
                "%zu at %zu: code %zu", size, align, class_code_aligned(size, align));
    CHECK(class_code_aligned(CLASS_MAX, align) == 2 * naive_aligned(CLASS_MAX, align));
    CHECK(class_code_aligned(SIZE_MAX, align) == 0);
  }
  test_end();
}

/* The compiler takes the table for constant: a volatile store is not dropped. */
static void st_byte(uint8_t *p, uint8_t value) {
  *(volatile uint8_t *)p = value;
}

/* The tables are constant: to spoil one, its page is made writable first. */
static void check_can_fail(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  uint8_t *code = (uint8_t *)(uintptr_t)&class_tiny_codes[20];
  void *start = (void *)((uintptr_t)code & ~(uintptr_t)(page - 1));
  uint8_t right = *code;
  test_begin("class_check finds nothing in the table, and finds a size with a wrong class");
  CHECK(class_check() == 0);
  if (mprotect(start, page, PROT_READ | PROT_WRITE) != 0) {
    test_fail("the table cannot be made writable");
  } else {
    st_byte(code, (uint8_t)(right + 2));
    CHECK_REPORTS(class_check, "class");
    st_byte(code, (uint8_t)(right - 2));
    CHECK_REPORTS(class_check, "class");
    st_byte(code, 0);
    CHECK_REPORTS(class_check, "class");
    st_byte(code, right);
    CHECK(class_check() == 0);
  }
  test_end();
}

int main(void) {
  sizes();
  rows();
  division();
  aligned();
  check_can_fail();
  return test_status();
}
