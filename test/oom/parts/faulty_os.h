/* faulty_os - the system calls of src/os/map.c, which fail when a test wants them to.
 *
 * src/os/map.c is compiled with -Dmmap=faulty_mmap and so on; everything else calls the real ones.
 */
#ifndef HAK_TEST_FAULTY_OS_H
#define HAK_TEST_FAULTY_OS_H

#include <stddef.h>
#include <stdint.h>

enum fault_kind {
  FAULT_MMAP = 1,
  FAULT_MUNMAP = 2,
  FAULT_MADVISE = 4,
  FAULT_MREMAP = 8,
  FAULT_ALL = 15,
};

/* From now on every N-th call of KINDS fails with ENOMEM; 0: none does. */
void faulty_start(unsigned n, unsigned kinds);

/* Calls that failed so far. */
uint64_t faulty_refused(void);

/* Bytes of address space mapped now by calls that passed through here. */
int64_t faulty_mapped(void);

#endif
