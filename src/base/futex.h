/* futex - sleeps on a word until somebody changes it, or for a time.
 *
 * Owns:     nothing.
 * Promise:  a sleeper whose word is changed before futex_wake is called wakes. errno is preserved.
 * Threads:  any; not a cancellation point.
 * Cost:     one system call.
 * Inverse:  futex_sleep / futex_wake.
 */
#ifndef BASE_FUTEX_H
#define BASE_FUTEX_H

#include "base/config.h"

#define FUTEX_FOREVER UINT64_MAX

/* Sleeps while WORD holds VALUE, for MS milliseconds at most. May return early. */
void futex_sleep(uint32_t *word, uint32_t value, uint64_t ms);

/* Wakes MOST sleepers at most. */
void futex_wake(uint32_t *word, int most);

#endif
