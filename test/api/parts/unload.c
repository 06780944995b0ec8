/* unload - libraries come and go under hakmem, also one bound to libc's own malloc.
 *
 * Argument: the path of the plugin.
 */
#include "../api.h"

#include <pthread.h>

typedef char *text_fn(size_t size);
typedef void free_fn(void *p);

static const char *path;

/* Loads the plugin, takes a block of each tier from it, unloads it, and uses and frees them. */
static void come_and_go(int flags) {
  char *texts[COUNT_OF(api_tiers)];
  void *plugin = dlopen(path, RTLD_NOW | flags);
  text_fn *text = plugin ? (text_fn *)dlsym(plugin, "plugin_text") : NULL;
  CHECK_MSG(text != NULL, "%s", dlerror());
  if (!text) return;
  for (size_t i = 0; i < COUNT_OF(texts); i++) texts[i] = text(api_tiers[i]);
  CHECK(dlclose(plugin) == 0);
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    size_t n = api_tiers[i];
    CHECK_MSG(texts[i] && texts[i][0] == 'p' && texts[i][n - 1] == 'p', "%zu bytes are lost", n);
    CHECK(malloc_usable_size(texts[i]) >= n);
    if (i % 2) texts[i] = opaque_ptr(realloc(texts[i], n + 1000));
    CHECK_MSG(texts[i] && texts[i][n - 1] == 'p', "realloc lost %zu bytes", n);
    free(texts[i]);
  }
}

static void *in_thread(void *flags) {
  for (int i = 0; i < 100; i++) come_and_go(*(int *)flags);
  return NULL;
}

static void in_two_threads(int flags) {
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, in_thread, &flags) == 0);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}

/* A library bound with RTLD_DEEPBIND takes its blocks from libc: proof that the test tests. */
static void deep_is_foreign(void) {
  void *plugin = dlopen(path, RTLD_NOW | RTLD_DEEPBIND);
  text_fn *text = plugin ? (text_fn *)dlsym(plugin, "plugin_text") : NULL;
  api_owns_fn *owns = api_owns();
  char *p = text ? text(100) : NULL;
  CHECK(p != NULL);
  if (owns) CHECK_MSG(owns(p) == 0, "its block %p is hakmem's", (void *)p);
  free(p);
  if (plugin) dlclose(plugin);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  path = argv[1];
  alarm(60);
  api_served();
  test_begin("blocks of a library outlive its dlclose, 200 times over");
  for (int i = 0; i < 200; i++) come_and_go(0);
  test_end();
  test_begin("two threads load and unload a library at once");
  in_two_threads(0);
  test_end();
  test_begin("a library bound with RTLD_DEEPBIND brings libc's blocks: realloc and free take them");
  deep_is_foreign();
  for (int i = 0; i < 200; i++) come_and_go(RTLD_DEEPBIND);
  test_end();
  return api_close();
}
