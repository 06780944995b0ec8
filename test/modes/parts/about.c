/* about - whose heap the C library's questions are about, when BLOCKS of 2,000 bytes come and go:
 * "mallinfo: 1 1" where both functions count them, "malloc_trim: 1 1" where it says that it gave
 * their memory back, and it is gone, "mallopt: 1 1" where a threshold for mappings is accepted and
 * kept to, "malloc_info: hakmem" or "libc" by the version in what it writes.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* mallinfo */

enum { BLOCKS = 5000, SIZE = 2000, MIB = 1 << 20 };

static char *block[BLOCKS];

static long resident(void) {
  long total = 0, pages = 0;
  FILE *stream = fopen("/proc/self/statm", "r");
  static char buffer[256];
  if (!stream) return 0;
  setvbuf(stream, buffer, _IOFBF, sizeof buffer);
  if (fscanf(stream, "%ld %ld", &total, &pages) != 2) pages = 0;
  fclose(stream);
  return pages * sysconf(_SC_PAGESIZE);
}

static void ask_mallinfo(void) {
  struct mallinfo2 wide = mallinfo2(), wide_after;
  struct mallinfo old = mallinfo(), old_after;
  for (int i = 0; i < BLOCKS; i++) memset(block[i] = malloc(SIZE), 1, SIZE);
  wide_after = mallinfo2();
  old_after = mallinfo();
  printf("mallinfo: %d %d\n", old_after.uordblks - old.uordblks >= BLOCKS * SIZE,
         wide_after.uordblks >= wide.uordblks + BLOCKS * SIZE);
}

/* The last block stays, or glibc would trim by itself. */
static void ask_trim(void) {
  long before;
  int gave;
  for (int i = 0; i < BLOCKS - 1; i++) free(block[i]);
  before = resident();
  gave = malloc_trim(0);
  printf("malloc_trim: %d %d\n", gave, resident() < before - MIB);
}

/* Blocks below the threshold are no mappings of their own; it is 128 KiB at first. */
static void ask_mallopt(void) {
  size_t before = mallinfo2().hblks, after;
  int accepted = mallopt(M_MMAP_THRESHOLD, 30 * MIB);
  char *volatile p = malloc(20 * MIB);
  after = mallinfo2().hblks;
  printf("mallopt: %d %d\n", accepted, p && after == before);
  free(p);
}

static void ask_malloc_info(void) {
  static char text[1 << 16];
  FILE *stream = fmemopen(text, sizeof text, "w");
  int failed = malloc_info(0, stream);
  fclose(stream);
  if (failed || !strstr(text, "</malloc>"))
    printf("malloc_info: failed\n");
  else
    printf("malloc_info: %s\n", strstr(text, "version=\"hakmem-") ? "hakmem" : "libc");
}

int main(void) {
  static char buffer[4096];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  ask_mallinfo();
  ask_trim();
  ask_mallopt();
  ask_malloc_info();
  return 0;
}
