/* ledger - a small heap of each kind, told in the form that the argument names. */
#include "../api.h"

/* What the ledger says was asked for, of blocks in slabs. */
static size_t told(void) {
  static struct hak_ledger_figures ledger;
  return hak_ledger(&ledger) == 0 ? ledger.asked : 0;
}

/* With validation on: each kind of request, and its end, changes the figure by what was asked. */
static int asked(void) {
  size_t start = told(), end;
  char *p = opaque_ptr(malloc(opaque(1000)));
  char *q = opaque_ptr(calloc(10, opaque(33)));
  char *r = opaque_ptr(aligned_alloc(4096, opaque(5)));
  char *s = opaque_ptr(malloc(opaque(40000)));
  if (!start || told() != start + 1000 + 330 + 5 + 40000) return 3;
  p = opaque_ptr(realloc(p, opaque(900))); /* where it is */
  if (told() != start + 900 + 330 + 5 + 40000) return 4;
  s = opaque_ptr(realloc(s, opaque(200000)));
  if (told() != start + 900 + 330 + 5 + 200000) return 5;
  p = opaque_ptr(realloc(p, opaque(1100))); /* which gets room to grow */
  if (told() != start + 1100 + 330 + 5 + 200000) return 7;
  free(p);
  free(q);
  free(r);
  free(s);
  end = told();
  return end == start ? 0 : 6;
}

int main(int argc, char **argv) {
  const char *form = argc > 1 ? argv[1] : "";
  void *p[600];
  char *run = opaque_ptr(malloc(opaque(MIB)));
  char *huge = opaque_ptr(malloc(opaque(5 * MIB)));
  memset(run, 1, MIB);
  memset(huge, 1, 5 * MIB);
  for (size_t i = 0; i < 600; i++) memset(p[i] = opaque_ptr(malloc(opaque(200))), 1, 200);
  for (size_t i = 0; i < 600; i++) /* more than a magazine holds */
    if (i % 3) free(p[i]);
  errno = 4711;
  if (!strcmp(form, "text")) hak_ledger_print(STDOUT_FILENO, HAK_LEDGER_TEXT);
  if (!strcmp(form, "json")) hak_ledger_print(STDOUT_FILENO, HAK_LEDGER_JSON);
  if (!strcmp(form, "stats")) malloc_stats();
  if (!strcmp(form, "asked")) return asked();
  if (!strcmp(form, "xml")) return malloc_info(0, stdout);
  if (!strcmp(form, "closed")) return hak_ledger_print(99, HAK_LEDGER_JSON) == -1 && errno == EBADF;
  return errno == 4711 ? 0 : 2;
}
