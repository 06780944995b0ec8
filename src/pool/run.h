/* run - large blocks: whole units of a superslab.
 *
 * Owns:     the tags of runs, and their lengths beside the superslab's units.
 * Promise:  a run starts at a multiple of its alignment; rounding to units costs no memory, since
 *           untouched pages are not resident.
 * Threads:  any.
 * Cost:     one lock each way.
 * Refuses:  what units_take refuses.
 * Inverse:  run_get / run_give.
 * Gauges:   pool.runs_taken, pool.runs_given, pool.run_bytes.
 */
#ifndef POOL_RUN_H
#define POOL_RUN_H

#include "super/superslab.h"

/* Gives a block of at least SIZE bytes (at most LARGE_MAX) at a multiple of ALIGN (at most 2 MiB).
 * With *ZEROED the first SIZE bytes are 0. */
void *run_get(size_t size, size_t align, bool *zeroed, struct refusal *why);

/* Takes a run back. False when P is not the start of a run any more (a double free). */
bool run_give(void *p);

/* Usable bytes of the run that starts at P. */
size_t run_size(const void *p);

/* Makes the run at P fit SIZE bytes without moving it. False when its neighbours are in use. */
bool run_resize(void *p, size_t size);

/* Every run's tag, head and length agree. Returns the number of violations. */
int run_check(void);

#endif
