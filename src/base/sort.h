/* sort - records by their first word, without malloc: libc's qsort may allocate.
 *
 * Owns:     nothing.
 * Promise:  sorts in place, records whole.
 * Threads:  any, each its own records.
 * Cost:     N log N comparisons, whatever the order (a heap).
 */
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include "base/cc.h"

enum { SORT_RECORD_MOST = 64 }; /* bytes */

/* Sorts N records of SIZE bytes, a multiple of 8 and at most SORT_RECORD_MOST, by their first 8
 * bytes as a number. Records with the same number come in any order. */
void sort_records(void *records, size_t n, size_t size);

#endif
