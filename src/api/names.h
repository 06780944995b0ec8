/* names - under which names the library exports its functions.
 *
 * Owns:     the names of libc and C++, as aliases of the hak_* functions.
 * Promise:  all of them or none: a program never gets malloc from here and calloc from libc.
 * Threads:  any.
 *
 * With HAK_PREFIXED only the hak_* names exist: for builds under a sanitizer, whose own malloc must
 * stay in force, and for programs that want both heaps.
 */
#ifndef API_NAMES_H
#define API_NAMES_H

#include "base/cc.h"

/* A function that only its names of libc call. */
#define BY_NAME __attribute__((unused))

#ifdef HAK_PREFIXED
#define LIBC_NAME(name, own) _Static_assert(1, "no name of libc's")
#else
#define LIBC_NAME(name, own) extern __typeof__(own) name EXPORT __attribute__((alias(#own)))
#endif

#endif
