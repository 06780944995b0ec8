/* The GNU C library's questions about the heap: mallinfo, mallinfo2, malloc_info, malloc_stats,
 * malloc_trim, mallopt. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__ /* other libcs do not have these functions, nor the types they return */

#include "api/libc.h"
#include "api/names.h"
#include "api/stats.h"
#include "base/bits.h"
#include "base/text.h"
#include "diag/counter.h"
#include "hakmem.h"

#if !__GLIBC_PREREQ(2, 33)
struct mallinfo2 {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
#endif

/* glibc's own function while it serves everything, so that these are about its heap, else NULL. */
static void *theirs(const char *name) {
  return libc_serves(0) ? dlsym(RTLD_NEXT, name) : NULL;
}

/* arena: superslabs, of which slabs' blocks and runs in use are uordblks and all else is fordblks;
 * hblkhd: huge mappings in use, apart from them; ordblks: free blocks; keepcost: free units and
 * mappings that are kept, for malloc_trim to give back. glibc's fastbins have no counterpart. */
BY_NAME static struct mallinfo2 own_mallinfo2(void) {
  uint64_t huge = count_read(CNT_HUGE_BYTES);
  struct mallinfo2 info = {.hblkhd = huge, .hblks = count_read(CNT_HUGE_LIVE)};
  struct mallinfo2 (*libc_info)(void);
  struct heap_stats s;
  *(void **)&libc_info = theirs("mallinfo2");
  if (libc_info) return libc_info();
  stats_collect(&s);
  info.arena = s.supers * SUPER_SIZE;
  info.uordblks = s.live_bytes - min_size(huge, s.live_bytes);
  info.fordblks = info.arena - min_size(info.uordblks, info.arena);
  info.keepcost = count_read(CNT_RETAINED_BYTES);
  for (unsigned class = 1; class < CLASSES; class++)
    info.ordblks += s.class[class].free + s.class[class].cached;
  return info;
}

static int clamp(size_t n) {
  return n > INT_MAX ? INT_MAX : (int)n;
}

/* The old structure holds ints; glibc lets them wrap, we let them end at the largest int. */
BY_NAME static struct mallinfo own_mallinfo(void) {
  struct mallinfo2 wide = own_mallinfo2();
  return (struct mallinfo){.arena = clamp(wide.arena), .ordblks = clamp(wide.ordblks),
                           .hblks = clamp(wide.hblks), .hblkhd = clamp(wide.hblkhd),
                           .uordblks = clamp(wide.uordblks), .fordblks = clamp(wide.fordblks),
                           .keepcost = clamp(wide.keepcost)};
}

BY_NAME static int own_malloc_trim(size_t keep) {
  int (*libc_trim)(size_t);
  *(void **)&libc_trim = theirs("malloc_trim");
  return libc_trim ? libc_trim(keep) : hak_trim(keep) > 0;
}

/* The parameters of the GNU C library tune a design that is not ours: known ones are accepted, so
 * that programs which insist go on, and change nothing. */
BY_NAME static int own_mallopt(int parameter, int value) {
  int (*libc_mallopt)(int, int);
  *(void **)&libc_mallopt = theirs("mallopt");
  if (libc_mallopt) return libc_mallopt(parameter, value);
  return parameter == M_MXFAST || (parameter <= M_TRIM_THRESHOLD && parameter >= M_ARENA_MAX);
}

BY_NAME static void own_malloc_stats(void) {
  stats_print(text_stderr());
}

/* --- malloc_info: glibc's elements, for programs that read them, and the ledger --- */

struct xml {
  FILE *stream;
  bool failed;
};

/* An empty element: its name, with an attribute if it has one of text, and NULL-terminated names of
 * numbers with their values. */
static void put_empty(struct xml *xml, const char *opening, const char *const names[],
                      const uint64_t values[]) {
  struct text t;
  text_start(&t, -1);
  text_str(&t, "<");
  text_str(&t, opening);
  for (unsigned i = 0; names[i]; i++) {
    text_str(&t, " ");
    text_str(&t, names[i]);
    text_field(&t, "=\"", values[i]);
    text_str(&t, "\"");
  }
  text_str(&t, "/>\n");
  if (fwrite(t.data, 1, t.used, xml->stream) != t.used) xml->failed = true;
}

static void put_tag(struct xml *xml, const char *tag) {
  size_t n = strlen(tag);
  if (fwrite(tag, 1, n, xml->stream) != n) xml->failed = true;
}

/* Free blocks by class, in slabs and caches, as glibc's bins. */
static void put_sizes(struct xml *xml, const struct hak_ledger_figures *ledger) {
  static const char *const names[] = {"from", "to", "total", "count", NULL};
  put_tag(xml, "<sizes>\n");
  for (int i = 0; i < HAK_LEDGER_CLASSES; i++) {
    const struct hak_ledger_class *c = &ledger->classes[i];
    uint64_t count = c->free + c->cached + c->outbox;
    uint64_t values[] = {i ? ledger->classes[i - 1].size + 1 : 1, c->size, count * c->size, count};
    if (count) put_empty(xml, "size", names, values);
  }
  put_tag(xml, "</sizes>\n");
}

static void put_totals(struct xml *xml, const struct mallinfo2 *info) {
  static const char *const counted[] = {"count", "size", NULL};
  static const char *const sized[] = {"size", NULL};
  const uint64_t rest[] = {info->ordblks, info->fordblks};
  const uint64_t mapped[] = {info->hblks, info->hblkhd};
  const uint64_t system[] = {info->arena};
  put_empty(xml, "total type=\"rest\"", counted, rest);
  put_empty(xml, "total type=\"mmap\"", counted, mapped);
  put_empty(xml, "system type=\"current\"", sized, system);
  put_empty(xml, "aspace type=\"total\"", sized, system);
}

static void put_ledger(struct xml *xml, const struct hak_ledger_figures *ledger) {
  static const char *const line[] = {"bytes", "resident", NULL};
  static const char *const sums[] = {"bytes", "resident", "kernel_resident", "huge_pages", NULL};
  const uint64_t all[] = {ledger->bytes, ledger->resident, ledger->kernel_resident,
                          ledger->huge_pages};
  put_tag(xml, "<ledger>\n");
  for (int i = 0; i < HAK_LEDGER_ROWS; i++) {
    const uint64_t values[] = {ledger->line[i].bytes, ledger->line[i].resident};
    struct text opening;
    text_start(&opening, -1);
    text_str(&opening, "line name=\"");
    text_str(&opening, ledger->line[i].name);
    text_chars(&opening, "\"", sizeof "\"");
    put_empty(xml, opening.data, line, values);
  }
  put_empty(xml, "sum", sums, all);
  put_tag(xml, "</ledger>\n");
}

/* The stream is the caller's; its buffer may be a block of ours, which is why this is not called
 * from inside the allocator. */
BY_NAME static int own_malloc_info(int options, FILE *stream) {
  struct xml xml = {stream, false};
  struct mallinfo2 info;
  struct hak_ledger_figures ledger;
  int (*libc_info)(int, FILE *);
  *(void **)&libc_info = theirs("malloc_info");
  if (libc_info) return libc_info(options, stream);
  if (options != 0) {
    errno = EINVAL;
    return -1;
  }
  if (hak_ledger(&ledger) != 0) return -1;
  info = own_mallinfo2();
  put_tag(&xml, "<malloc version=\"hakmem-" HAKMEM_VERSION "\">\n<heap nr=\"0\">\n");
  put_sizes(&xml, &ledger);
  put_totals(&xml, &info);
  put_tag(&xml, "</heap>\n");
  put_totals(&xml, &info);
  put_ledger(&xml, &ledger);
  put_tag(&xml, "</malloc>\n");
  return xml.failed ? -1 : 0;
}

LIBC_NAME(mallinfo, own_mallinfo);
LIBC_NAME(mallinfo2, own_mallinfo2);
LIBC_NAME(malloc_trim, own_malloc_trim);
LIBC_NAME(mallopt, own_mallopt);
LIBC_NAME(malloc_stats, own_malloc_stats);
LIBC_NAME(malloc_info, own_malloc_info);

#endif
