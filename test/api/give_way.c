/* give_way - before a NULL all that is kept for speed is given up: asked again there is no more. */
#include "api.h"

#include <pthread.h>

/* Leaves an empty slab of each of many classes. */
static void *leave_slabs(void *unused) {
  for (size_t n = 16; n <= 4096; n += n < 128 ? 16 : n / 8)
    if (n <= 800 || n > 1024) free(opaque_ptr(malloc(opaque(n))));
  return unused;
}

static size_t blocks_to_be_had(void) {
  size_t n = 0;
  while (opaque_ptr(malloc(opaque(1024)))) n++;
  return n;
}

static int limited(void) {
  pthread_t thread;
  if (!opaque_ptr(malloc(opaque(1024)))) return 1;
  if (pthread_create(&thread, NULL, leave_slabs, NULL)) return 1;
  pthread_join(thread, NULL);
  return blocks_to_be_had() > 3000 && blocks_to_be_had() == 0 ? 0 : 3;
}

int main(int argc, char **argv) {
  int status;
  if (argc > 1 && strcmp(argv[1], "limited") == 0) return limited();
  api_served();
  if (api_any()) return api_close();
  test_begin("at HAKMEM_LIMIT=4M over 3,000 blocks of 1 KiB are to be had, and none after a NULL");
  setenv("HAKMEM_LIMIT", "4M", 1); /* this process has read its options already */
  status = api_run_anew("limited");
  CHECK_MSG(status == 0, "status %d", status);
  test_end();
  return api_close();
}
