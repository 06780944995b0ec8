/* verdict - which limit refused a request, and what would mend it.
 *
 * Owns:     nothing: pure functions over facts.
 * Promise:  names a limit only where use + bytes is above it, the one that the kernel compares
 *           first; where no known limit is, it says that. The same facts give the same verdict.
 * Threads:  any; async-signal-safe.
 * Cost:     some comparisons.
 * Refuses:  nothing.
 * Inverse:  ace_verdict / verdict_text.
 *
 * The order is the one in which a request meets the limits. IMPOSSIBLE: hakmem's front refuses it.
 * HAKMEM_LIMIT: the pool refuses, and the system is not asked. Then mmap(2) compares the number of
 * mappings, looks for free addresses, compares locked memory (the only refusal with EAGAIN),
 * address space, data, commit, and last it takes memory for its own records, where the cgroup may
 * refuse. The first that is exceeded is the one at which the kernel stopped.
 *
 * Some calls need more than the bytes asked for: an aligned mapping is taken too long by its
 * alignment and cut, and moving a mapping needs some mappings to spare. They are looked at in a
 * second round, so that a limit which the bytes alone exceed always goes first.
 */
#ifndef ACE_VERDICT_H
#define ACE_VERDICT_H

#include "base/text.h"
#include "diag/failure.h"
#include "os/limits.h"

enum verdict_limit {
  VERDICT_NONE, /* no limit that hakmem knows was reached */
  VERDICT_IMPOSSIBLE,
  VERDICT_HAKMEM_LIMIT,
  VERDICT_MAPPINGS,
  VERDICT_USER_SPACE,
  VERDICT_LOCKED,
  VERDICT_ADDRESS_SPACE,
  VERDICT_DATA,
  VERDICT_COMMIT,
  VERDICT_CGROUP,
  VERDICTS
};

extern const char *const verdict_names[VERDICTS];

struct verdict_request {
  uint64_t size;         /* bytes asked of malloc */
  uint64_t align;        /* bytes */
  uint64_t bytes;        /* bytes asked of the system; 0: SIZE is taken */
  int32_t error;         /* errno of the system, 0 when it is not known */
  enum reason reason;
  uint64_t hakmem_limit; /* HAKMEM_LIMIT in force, bytes; 0: none */
  uint64_t hakmem_use;   /* bytes that count against it */
};

struct verdict {
  enum verdict_limit which;
  uint64_t limit;          /* its value; of VERDICT_NONE: LIMITS_UNKNOWN */
  uint64_t use;            /* before the request; of IMPOSSIBLE: the size asked for */
  uint64_t enough;         /* the value at which this request would have passed */
  uint64_t mode;           /* of COMMIT: OVERCOMMIT_* */
  bool blind;              /* some limits could not be read */
  const char *cgroup_file; /* of CGROUP: inside the facts; NULL when not known */
};

/* FACTS: read after the refusal. They must live as long as the verdict's cgroup_file is used. */
struct verdict ace_verdict(const struct limits_facts *facts, const struct verdict_request *request);

/* Appends one phrase: verdict=NAME limit=N use=N mend="...", or for NONE verdict=none
 * note="...". */
void verdict_text(struct text *t, const struct verdict *v);

#endif
