/* plugin - a library that a test loads and unloads: it allocates in its constructor, its
 * functions, a thread-local of its own, and its destructor. */
#include <stdlib.h>
#include <string.h>

char *plugin_text(size_t size);
void plugin_free(void *p);

static char *held;
static __thread char local[64];

__attribute__((constructor)) static void load(void) {
  held = malloc(3000);
  if (held) memset(held, 'h', 3000);
}

__attribute__((destructor)) static void unload(void) {
  if (held && held[2999] != 'h') abort();
  free(held);
}

/* A block of SIZE bytes, all 'p', that the caller frees after the library is gone. */
char *plugin_text(size_t size) {
  char *p = malloc(size);
  memset(local, 'p', sizeof local);
  for (size_t i = 0; p && i < size; i++) p[i] = local[i % sizeof local];
  return p;
}

void plugin_free(void *p) { free(p); }
