/* surplus - hakmem is loaded when other libraries have used up the room for static TLS.
 *
 * Arguments: the library, then fillers as SIZE=PATH. A child finds out how many bytes fit in all;
 * the program then leaves ROOM of them and loads the library.
 */
#include "../api.h"

#include <pthread.h>

#define ROOM 8 /* bytes of static TLS that hakmem may need */

/* Loads the fillers that fit into BUDGET bytes; gives the bytes that they took. */
static size_t load_fillers(int count, char **fillers, size_t budget) {
  size_t taken = 0;
  for (int i = 0; i < count; i++) {
    char *path;
    size_t size = strtoul(fillers[i], &path, 10);
    if (taken + size > budget) continue;
    if (dlopen(path + 1, RTLD_NOW | RTLD_LOCAL)) taken += size;
  }
  return taken;
}

/* The bytes of static TLS that fillers can take in this process, as a child sees it. */
static size_t measure(int count, char **fillers) {
  int ends[2];
  size_t taken = 0;
  pid_t child;
  if (pipe(ends) != 0) return 0;
  child = fork();
  if (child == 0) {
    taken = load_fillers(count, fillers, SIZE_MAX);
    _exit(write(ends[1], &taken, sizeof taken) != sizeof taken);
  }
  waitpid(child, NULL, 0);
  if (read(ends[0], &taken, sizeof taken) != sizeof taken) taken = 0;
  close(ends[0]);
  close(ends[1]);
  return taken;
}

static void *(*their_malloc)(size_t size);
static void (*their_free)(void *p);

static void *use(void *failed) {
  void *kept[1000];
  for (size_t i = 0; i < COUNT_OF(kept); i++) {
    kept[i] = their_malloc(i * 17);
    if (!kept[i]) *(int *)failed = 1;
    else memset(kept[i], 1, i * 17);
  }
  for (size_t i = 0; i < COUNT_OF(kept); i++) their_free(kept[i]);
  return NULL;
}

int main(int argc, char **argv) {
  static const char last[] = "the invariants hold afterwards";
  pthread_t thread;
  void *library;
  api_check_fn *check;
  size_t surplus, taken;
  int failed = 0;
  if (argc < 3) return 2;
  alarm(60);
  surplus = measure(argc - 2, argv + 2);
  test_begin("the fillers use up the room for static TLS");
  CHECK_MSG(surplus >= 64, "only %zu bytes fit", surplus);
  taken = load_fillers(argc - 2, argv + 2, surplus - ROOM);
  CHECK_MSG(taken == surplus - ROOM, "%zu of %zu bytes taken", taken, surplus);
  test_end();
  test_begin("hakmem loads where 8 bytes of static TLS are left, and serves old and new threads");
  library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  CHECK_MSG(library != NULL, "%s", dlerror());
  if (!library) return test_status();
  their_malloc = (void *(*)(size_t))dlsym(library, "malloc");
  their_free = (void (*)(void *))dlsym(library, "free");
  use(&failed);
  CHECK(pthread_create(&thread, NULL, use, &failed) == 0);
  pthread_join(thread, NULL);
  CHECK(!failed);
  test_end();
  check = (api_check_fn *)dlsym(library, "hak_check");
  if (!check) {
    test_skip(last, "hak_check");
    return test_status();
  }
  test_begin(last);
  CHECK(check() == 0);
  test_end();
  return test_status();
}
