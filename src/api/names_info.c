/* The GNU C library's questions about the heap: mallinfo, mallinfo2, malloc_info, malloc_stats,
 * malloc_trim, mallopt. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__ /* other libcs do not have these functions, nor the types they return */

#include "api/names.h"
#include "api/stats.h"
#include "base/bits.h"
#include "base/text.h"
#include "diag/counter.h"
#include "hakmem.h"

/* arena: slabs and runs, of which uordblks are in use; hblkhd: huge mappings, apart from them;
 * ordblks: free blocks; keepcost: what malloc_trim(0) would give back. glibc's fastbins have no
 * counterpart here. */
static struct mallinfo2 collect(void) {
  struct heap_stats s;
  struct mallinfo2 info;
  stats_collect(&s);
  memset(&info, 0, sizeof info);
  info.hblkhd = count_read(CNT_HUGE_BYTES);
  info.hblks = count_read(CNT_HUGE_LIVE);
  info.arena = s.supers * SUPER_SIZE;
  info.uordblks = s.live_bytes - min_size(info.hblkhd, s.live_bytes);
  info.fordblks = info.arena - min_size(info.uordblks, info.arena);
  info.keepcost = count_read(CNT_RETAINED_BYTES);
  for (unsigned class = 1; class < CLASSES; class++)
    info.ordblks += s.class[class].free + s.class[class].cached;
  return info;
}

static int clamp(size_t n) {
  return n > INT_MAX ? INT_MAX : (int)n;
}

BY_NAME static struct mallinfo2 own_mallinfo2(void) {
  return collect();
}

/* The old structure holds ints; glibc lets them wrap, we let them end at the largest int. */
BY_NAME static struct mallinfo own_mallinfo(void) {
  struct mallinfo2 wide = collect();
  struct mallinfo info = {0};
  info.arena = clamp(wide.arena);
  info.ordblks = clamp(wide.ordblks);
  info.hblks = clamp(wide.hblks);
  info.hblkhd = clamp(wide.hblkhd);
  info.uordblks = clamp(wide.uordblks);
  info.fordblks = clamp(wide.fordblks);
  info.keepcost = clamp(wide.keepcost);
  return info;
}

BY_NAME static int own_malloc_trim(size_t keep) {
  return hak_trim(keep) > 0;
}

/* The parameters of the GNU C library tune a design that is not ours: known ones are accepted, so
 * that programs which insist go on, and change nothing. */
BY_NAME static int own_mallopt(int parameter, int value) {
  (void)value;
  return parameter == M_MXFAST || (parameter <= M_TRIM_THRESHOLD && parameter >= M_ARENA_MAX);
}

BY_NAME static void own_malloc_stats(void) {
  stats_print(STDERR_FILENO);
}

static void put_element(struct text *t, const char *name, uint64_t n) {
  text_str(t, "<");
  text_str(t, name);
  text_str(t, ">");
  text_u64(t, n);
  text_str(t, "</");
  text_str(t, name);
  text_str(t, ">\n");
}

/* The stream is the caller's; its buffer may be a block of ours, which is why this is not called
 * from inside the allocator. */
BY_NAME static int own_malloc_info(int options, FILE *stream) {
  struct mallinfo2 info = collect();
  struct text t;
  if (options != 0) {
    errno = EINVAL;
    return -1;
  }
  text_start(&t, -1);
  text_str(&t, "<malloc version=\"hakmem-" HAKMEM_VERSION "\">\n");
  put_element(&t, "arena", info.arena);
  put_element(&t, "huge", info.hblkhd);
  put_element(&t, "live", info.uordblks);
  put_element(&t, "free", info.fordblks);
  put_element(&t, "retained", info.keepcost);
  text_str(&t, "</malloc>\n");
  return fwrite(t.data, 1, t.used, stream) == t.used ? 0 : -1;
}

LIBC_NAME(mallinfo, own_mallinfo);
LIBC_NAME(mallinfo2, own_mallinfo2);
LIBC_NAME(malloc_trim, own_malloc_trim);
LIBC_NAME(mallopt, own_mallopt);
LIBC_NAME(malloc_stats, own_malloc_stats);
LIBC_NAME(malloc_info, own_malloc_info);

#endif
