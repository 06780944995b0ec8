/* filter - system calls that are refused from now on, as the filter of a sandbox does. */
#ifndef HAK_TEST_FILTER_H
#define HAK_TEST_FILTER_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>

/* The calls A and B, which may be the same, fail with EPERM. False: this system has no filters. */
static inline bool refuse_calls(unsigned a, unsigned b) {
  struct sock_filter refuse[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof refuse / sizeof *refuse, refuse};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

#endif
