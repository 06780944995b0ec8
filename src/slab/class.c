#include "slab/class.h"

#include "base/text.h"

#define BLOCKS(size, units) ((size_t)(units)*UNIT_SIZE / (size))
#define AT_LEAST(n, least) ((n) > (least) ? (n) : (least))
#define AT_MOST(n, most) ((n) < (most) ? (n) : (most))
#define CAPACITY(size)                                          \
  ((size) > UNIT_SIZE ? MAGAZINE_MIN_LARGE                      \
                      : AT_MOST(AT_LEAST(MAGAZINE_BYTES / (size), MAGAZINE_MIN), MAGAZINE_MAX))
#define THRESHOLD(blocks) AT_MOST(AT_LEAST((blocks) / 32, 1), LIST_THRESHOLD_MAX)
#define ROW(size, units)                                                                       \
  {(size), BLOCKS(size, units), (units), (BLOCKS(size, units) + 63) / 64,                      \
   (((uint64_t)1 << MAGIC_SHIFT) + (size)-1) / (size), CAPACITY(size),                         \
   THRESHOLD(BLOCKS(size, units))}

const struct class_row class_table[CLASSES] = {
    {0, 0, 0, 0, 0, 0, 0}, /* class 0: its magazine stays empty and without capacity for ever */
    ROW(16, 1),      ROW(32, 1),      ROW(48, 1),      ROW(64, 1),
    ROW(80, 1),      ROW(96, 1),      ROW(112, 1),     ROW(128, 1),
    ROW(160, 1),     ROW(192, 1),     ROW(224, 1),     ROW(256, 1),
    ROW(320, 1),     ROW(384, 1),     ROW(448, 1),     ROW(512, 1),
    ROW(640, 1),     ROW(768, 1),     ROW(896, 1),     ROW(1024, 1),
    ROW(1280, 1),    ROW(1536, 1),    ROW(1792, 1),    ROW(2048, 1),
    ROW(2560, 1),    ROW(3072, 1),    ROW(3584, 1),    ROW(4096, 1),
    ROW(5120, 2),    ROW(6144, 2),    ROW(7168, 2),    ROW(8192, 2),
    ROW(10240, 4),   ROW(12288, 4),   ROW(14336, 4),   ROW(16384, 4),
    ROW(20480, 8),   ROW(24576, 8),   ROW(28672, 8),   ROW(32768, 8),
    ROW(40960, 8),   ROW(49152, 8),   ROW(57344, 8),   ROW(65536, 8),
    ROW(81920, 16),  ROW(98304, 16),  ROW(114688, 16), ROW(131072, 16),
    ROW(163840, 32), ROW(196608, 32), ROW(229376, 32), ROW(262144, 32),
};

/* 0 asks for the smallest class: malloc(0) gives a block of its own. */
const uint8_t class_tiny_codes[TINY_CODES] = {
    2,  2,  4,  6,  8,  10, 12, 14, 16, 18, 18, 20, 20, 22, 22, 24, 24, 26, 26, 26, 26, 28,
    28, 28, 28, 30, 30, 30, 30, 32, 32, 32, 32, 34, 34, 34, 34, 34, 34, 34, 34, 36, 36, 36,
    36, 36, 36, 36, 36, 38, 38, 38, 38, 38, 38, 38, 38, 40, 40, 40, 40, 40, 40, 40, 40,
};

unsigned class_of_aligned(size_t size, size_t align) {
  if (size > CLASS_MAX || align > UNIT_SIZE) return 0;
  for (unsigned class = class_of(size); class < CLASSES; class++)
    if (!(class_size(class) & (align - 1))) return class;
  return 0;
}

int class_check(void) {
  int bad = 0;
  for (size_t n = 0; n <= CLASS_MAX; n++) {
    unsigned class = class_of(n);
    bool fits = class > 0 && class < CLASSES && class_size(class) >= n;
    if (!fits || (class > 1 && class_size(class - 1) >= n)) bad++;
  }
  if (bad) text_report("check: a size has no class, or not its smallest");
  return bad;
}
