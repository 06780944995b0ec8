/* debt - address space that the kernel would not take back yet.
 *
 * Owns:     ranges that nobody uses and whose munmap was refused (the table of mappings was full).
 * Promise:  each is offered again when a later munmap goes well, so that a refusal loses nothing.
 *           Beyond a few hundred ranges that cannot be joined they are offered at each further one,
 *           and where the kernel still refuses, the rest is forgotten: untouched address space.
 * Threads:  any; the lock is not held across a system call.
 * Cost:     one load where there are no debts.
 * Inverse:  debt_owe / debt_settle.
 */
#ifndef OS_DEBT_H
#define OS_DEBT_H

#include "base/config.h"

/* Remembers BYTES at P. */
void debt_owe(void *p, size_t bytes);

/* Offers what is owed again, until the kernel refuses. */
void debt_settle(void);

void debt_fork_take(void); /* before fork: keeps other threads out; inverse: debt_fork_drop */
void debt_fork_drop(void);

#endif
