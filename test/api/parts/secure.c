/* secure - prints whether the kernel calls this program privileged, and which limit is in force.
 *
 * With arguments, which are variables, it starts itself anew with these, as another's: the real
 * user is nobody then, the effective one root, as in a set-user-ID program. Status 77: it must not.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "hakmem.h"

enum { NOBODY = 65534, MAY_NOT = 77 };

int main(int argc, char **argv) {
  char limit[32] = "unknown";
  volatile size_t impossible = (size_t)PTRDIFF_MAX + 1;
  if (argc > 1) {
    char *again[] = {argv[0], NULL};
    if (setresuid(NOBODY, 0, 0)) return MAY_NOT;
    execve("/proc/self/exe", again, argv + 1);
    return 1;
  }
  free(malloc(impossible)); /* a line of the trace */
  hak_option_get("LIMIT", limit, sizeof limit);
  printf("secure %lu limit %s\n", getauxval(AT_SECURE), limit);
  return 0;
}
