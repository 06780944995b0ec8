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
  char program[4096] = {0};
  pid_t child;
  int status = -1;
  if (argc > 1 && strcmp(argv[1], "limited") == 0) return limited();
  api_served();
  if (api_any()) return api_close();
  test_begin("at HAKMEM_LIMIT=4M over 3,000 blocks of 1 KiB are to be had, and none after a NULL");
  CHECK(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
  child = fork();
  if (child == 0) {
    setenv("HAKMEM_LIMIT", "4M", 1);
    execl(program, program, "limited", (char *)NULL);
  }
  waitpid(child, &status, 0);
  CHECK_MSG(status == 0, "status %d", status);
  test_end();
  return api_close();
}
