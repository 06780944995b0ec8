/* pools - do two threads' blocks of one class ever lie in the same superslab?
 *
 * Prints "apart" when no superslab of 4 MiB holds blocks of both threads, else "together", if all
 * are hakmem's. Both threads are alive while all blocks are. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 3000, SUPERSLAB_SHIFT = 22 };

static void *block[2][BLOCKS];
static pthread_barrier_t filled;

static void *fill(void *pointer) {
  void **mine = pointer;
  for (int i = 0; i < BLOCKS; i++) {
    mine[i] = malloc(2000);
    if (!mine[i]) exit(3);
    memset(mine[i], i, 2000);
  }
  pthread_barrier_wait(&filled);
  pthread_barrier_wait(&filled); /* they are looked at */
  for (int i = 0; i < BLOCKS; i++) free(mine[i]);
  return NULL;
}

static int all_owned(void) {
  int (*owns)(const void *) = (int (*)(const void *))dlsym(RTLD_DEFAULT, "hak_owns");
  int owned = 0;
  for (int i = 0; owns && i < 2 * BLOCKS; i++) owned += owns(block[i % 2][i / 2]) == 1;
  return owned == 2 * BLOCKS;
}

int main(void) {
  pthread_t thread[2];
  int together = 0, owned;
  pthread_barrier_init(&filled, NULL, 3);
  for (int k = 0; k < 2; k++) pthread_create(&thread[k], NULL, fill, block[k]);
  pthread_barrier_wait(&filled);
  owned = all_owned();
  pthread_barrier_wait(&filled);
  for (int i = 0; i < BLOCKS; i++)
    for (int j = 0; j < BLOCKS; j++)
      together |= (uintptr_t)block[0][i] >> SUPERSLAB_SHIFT ==
                  (uintptr_t)block[1][j] >> SUPERSLAB_SHIFT;
  for (int k = 0; k < 2; k++) pthread_join(thread[k], NULL);
  puts(!owned ? "not all are hakmem's" : together ? "together" : "apart");
  return 0;
}
