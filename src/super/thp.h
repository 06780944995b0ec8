/* thp - what HAKMEM_THP makes of a mapping for blocks.
 *
 * Owns:     nothing.
 * Promise:  a mapping keeps what it was told for as long as it lives, also when it is moved.
 * Threads:  any.
 * Cost:     a system call per mapping, none by default.
 * Refuses:  nothing: a kernel without huge pages goes on without.
 * Dials:    HAKMEM_THP.
 */
#ifndef SUPER_THP_H
#define SUPER_THP_H

#include "diag/option.h"
#include "os/map.h"

/* Tells the system about the fresh mapping at P. */
ALWAYS_INLINE void thp_tell(void *p, size_t bytes) {
  uint64_t thp = option(OPT_THP);
  if (UNLIKELY(thp > THP_DEFAULT)) os_huge_pages(p, bytes, thp == THP_ALWAYS);
}

#endif
