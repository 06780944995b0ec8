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
    ROW(1152, 1),    ROW(1280, 1),    ROW(1408, 1),    ROW(1536, 1),
    ROW(1664, 1),    ROW(1792, 1),    ROW(1920, 1),    ROW(2048, 1),
    ROW(2304, 1),    ROW(2560, 1),    ROW(2816, 1),    ROW(3072, 1),
    ROW(3328, 1),    ROW(3584, 1),    ROW(3840, 1),    ROW(4096, 1),
    ROW(4608, 2),    ROW(5120, 2),    ROW(5632, 2),    ROW(6144, 2),
    ROW(6656, 2),    ROW(7168, 2),    ROW(7680, 2),    ROW(8192, 2),
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

/* Sizes above FROM units of 128 bytes, up to TO of them. Every class above 1 KiB is a multiple. */
#define STEP(from, to, class) [(from) + 1 ... (to)] = 2 * (class)
const uint8_t class_codes_above[CODES_ABOVE] = {
    STEP(8, 9, 21), STEP(9, 10, 22), STEP(10, 11, 23), STEP(11, 12, 24), STEP(12, 13, 25),
    STEP(13, 14, 26), STEP(14, 15, 27), STEP(15, 16, 28), STEP(16, 18, 29), STEP(18, 20, 30),
    STEP(20, 22, 31), STEP(22, 24, 32), STEP(24, 26, 33), STEP(26, 28, 34), STEP(28, 30, 35),
    STEP(30, 32, 36), STEP(32, 36, 37), STEP(36, 40, 38), STEP(40, 44, 39), STEP(44, 48, 40),
    STEP(48, 52, 41), STEP(52, 56, 42), STEP(56, 60, 43), STEP(60, 64, 44), STEP(64, 80, 45),
    STEP(80, 96, 46), STEP(96, 112, 47), STEP(112, 128, 48), STEP(128, 160, 49),
    STEP(160, 192, 50), STEP(192, 224, 51), STEP(224, 256, 52), STEP(256, 320, 53),
    STEP(320, 384, 54), STEP(384, 448, 55), STEP(448, 512, 56), STEP(512, 640, 57),
    STEP(640, 768, 58), STEP(768, 896, 59), STEP(896, 1024, 60), STEP(1024, 1280, 61),
    STEP(1280, 1536, 62), STEP(1536, 1792, 63), STEP(1792, 2048, 64),
};

int class_check(void) {
  int bad = 0;
  for (size_t n = 0; n <= CLASS_MAX; n++) {
    unsigned class = class_of(n);
    bool fits = class > 0 && class < CLASSES && class_size(class) >= n;
    if (!fits || (class > 1 && class_size(class - 1) >= n)) bad++;
  }
  if (bad) text_violated("a size has no class, or not its smallest", NULL);
  return bad;
}
