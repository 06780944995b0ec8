/* ledger - a small heap of each kind, told in the form that the argument names. */
#include "../api.h"

int main(int argc, char **argv) {
  const char *form = argc > 1 ? argv[1] : "";
  void *p[300];
  char *run = opaque_ptr(malloc(opaque(MIB)));
  char *huge = opaque_ptr(malloc(opaque(5 * MIB)));
  memset(run, 1, MIB);
  memset(huge, 1, 5 * MIB);
  for (size_t i = 0; i < 300; i++) memset(p[i] = opaque_ptr(malloc(opaque(200))), 1, 200);
  for (size_t i = 0; i < 300; i += 3) free(p[i]);
  errno = 4711;
  if (!strcmp(form, "text")) hak_ledger_print(STDOUT_FILENO, HAK_LEDGER_TEXT);
  if (!strcmp(form, "json")) hak_ledger_print(STDOUT_FILENO, HAK_LEDGER_JSON);
  if (!strcmp(form, "stats")) malloc_stats();
  if (!strcmp(form, "xml")) return malloc_info(0, stdout);
  if (!strcmp(form, "closed")) return hak_ledger_print(99, HAK_LEDGER_JSON) == -1 && errno == EBADF;
  return errno == 4711 ? 0 : 2;
}
