/* draw - the ledger, drawn up beside what the kernel counts: what its tests share. */
#include "../api.h"

static struct hak_ledger_figures ledger;

/* The kernel's sum over all pages in the page tables, such as "Rss:"; 0 where it does not tell.
 * Without stdio, the buffers of which would be blocks. */
static inline size_t kernel_sum(const char *name) {
  char text[2048];
  int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  char *line;
  if (fd >= 0) close(fd);
  text[n > 0 ? n : 0] = 0;
  line = strstr(text, name);
  return line ? strtoul(line + strlen(name), NULL, 10) * KIB : 0;
}

static inline size_t kernel_resident(void) {
  size_t bytes = kernel_sum("Rss:");
  return bytes ? bytes : api_resident();
}

static inline uint64_t bytes_of(enum hak_ledger_row row) { return ledger.line[row].bytes; }

static inline uint64_t resident_of(enum hak_ledger_row row) { return ledger.line[row].resident; }

/* Draws the ledger up: it adds up, to the kernel's figure within 1 %. */
static inline void draw(void) {
  uint64_t bytes = 0, resident = 0;
  size_t before = kernel_resident(), after;
  CHILD_CHECK(hak_ledger(&ledger) == 0);
  after = kernel_resident();
  for (int i = 0; i < HAK_LEDGER_ROWS; i++) {
    CHILD_CHECK(ledger.line[i].resident <= ledger.line[i].bytes);
    bytes += ledger.line[i].bytes;
    resident += ledger.line[i].resident;
  }
  CHILD_CHECK(bytes == ledger.bytes && resident == ledger.resident);
  CHILD_CHECK(bytes - ledger.not_resident == resident);
  snprintf(api_note, 512, "the ledger's sum is %llu, the kernel's Rss %zu before and %zu after",
           (unsigned long long)resident, before, after);
  if (resident < before - before / 100 || resident > after + after / 100) _exit(99);
}

/* WHAT is EXPECTED, give or take SLACK. */
#define NEAR(what, expected, slack) \
  CHILD_CHECK((what) + (slack) >= (expected) && (what) <= (expected) + (slack))

static inline const struct hak_ledger_class *class_of(size_t size) {
  int i = 0;
  while (ledger.classes[i].size < size) i++;
  return &ledger.classes[i];
}

#define MANY 400000

static void *blocks[MANY];

/* N blocks of SIZE bytes, of each of which TOUCH are written. */
static inline void allocate(size_t n, size_t size, size_t touch) {
  for (size_t i = 0; i < n; i++) {
    blocks[i] = opaque_ptr(malloc(opaque(size)));
    CHILD_CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, touch);
  }
}

static inline void release(size_t n, size_t step) {
  for (size_t i = 0; i < n; i += step) free(blocks[i]);
}
