#include "ace/verdict.h"

#include <errno.h>

const char *const verdict_names[VERDICTS] = {
    "none",           "impossible", "HAKMEM_LIMIT", "vm.max_map_count",     "user-address-space",
    "RLIMIT_MEMLOCK", "RLIMIT_AS",  "RLIMIT_DATA",  "vm.overcommit_memory", "cgroup-memory",
};

/* mremap(2) wants room for the splits that moving a mapping onto another may cause. */
enum { MAPPINGS_TO_MOVE = 6 };

/* --- which --- */

/* What the kernel is known to have been asked for, in one round. */
struct ask {
  uint64_t bytes;
  uint64_t mappings;
};

static uint64_t sum(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t page_up(uint64_t n, uint64_t page) {
  return n > UINT64_MAX - page ? UINT64_MAX / page * page : (n + page - 1) / page * page;
}

static struct verdict name(enum verdict_limit which, const struct limit_fact *fact,
                           uint64_t bytes) {
  return (struct verdict){
      .which = which, .limit = fact->limit, .use = fact->use, .enough = sum(fact->use, bytes)};
}

/* What mmap promises to provide. The guess refuses only what is more than the machine has at
 * all. */
static struct limit_fact commit_fact(const struct limits_facts *facts) {
  struct limit_fact fact = {LIMITS_UNKNOWN, LIMITS_UNKNOWN};
  if (facts->overcommit == OVERCOMMIT_NEVER) return facts->commit;
  if (facts->overcommit == OVERCOMMIT_ALWAYS) fact.limit = LIMITS_NONE;
  if (facts->overcommit != OVERCOMMIT_GUESS) return fact;
  if (facts->memory == LIMITS_UNKNOWN || facts->swap == LIMITS_UNKNOWN) return fact;
  return (struct limit_fact){0, facts->memory + facts->swap};
}

static bool is_blind(const struct limit_fact *fact) {
  if (fact->limit == LIMITS_NONE) return false;
  return fact->limit == LIMITS_UNKNOWN || fact->use == LIMITS_UNKNOWN;
}

static struct verdict no_verdict(const struct limits_facts *facts) {
  struct limit_fact commit = commit_fact(facts);
  struct verdict v = {.which = VERDICT_NONE, .limit = LIMITS_UNKNOWN, .use = LIMITS_UNKNOWN};
  v.blind = is_blind(&facts->mappings) || is_blind(&facts->user_space) ||
            is_blind(&facts->address_space) || is_blind(&facts->data) ||
            is_blind(&facts->locked) || is_blind(&commit) || is_blind(&facts->cgroup);
  return v;
}

static bool commit_exceeded(const struct limits_facts *facts, const struct limit_fact *fact,
                            uint64_t bytes) {
  bool reserves = facts->overcommit == OVERCOMMIT_NEVER && facts->commit_reserve != LIMITS_UNKNOWN;
  return limits_exceeded(fact, sum(bytes, reserves ? facts->commit_reserve : 0));
}

/* A group that never reached its limit has refused nothing, however full of page cache it is. */
static bool cgroup_exceeded(const struct limits_facts *facts, uint64_t bytes) {
  return facts->cgroup_hits != 0 && limits_exceeded(&facts->cgroup, bytes);
}

static struct verdict locked_verdict(const struct limits_facts *facts, struct ask ask) {
  if (!limits_exceeded(&facts->locked, ask.bytes)) return no_verdict(facts);
  return name(VERDICT_LOCKED, &facts->locked, ask.bytes);
}

static struct verdict kernel_verdict(const struct limits_facts *facts, struct ask ask) {
  struct limit_fact commit = commit_fact(facts);
  struct verdict v;
  if (limits_exceeded(&facts->mappings, ask.mappings))
    return name(VERDICT_MAPPINGS, &facts->mappings, ask.mappings);
  if (limits_exceeded(&facts->user_space, ask.bytes))
    return name(VERDICT_USER_SPACE, &facts->user_space, ask.bytes);
  if (limits_exceeded(&facts->address_space, ask.bytes))
    return name(VERDICT_ADDRESS_SPACE, &facts->address_space, ask.bytes);
  if (limits_exceeded(&facts->data, ask.bytes)) return name(VERDICT_DATA, &facts->data, ask.bytes);
  if (commit_exceeded(facts, &commit, ask.bytes)) {
    v = name(VERDICT_COMMIT, &commit, ask.bytes);
    v.mode = facts->overcommit;
    return v;
  }
  if (!cgroup_exceeded(facts, ask.bytes)) return no_verdict(facts);
  v = name(VERDICT_CGROUP, &facts->cgroup, ask.bytes);
  v.cgroup_file = facts->cgroup_file[0] ? facts->cgroup_file : NULL;
  return v;
}

/* Only locked memory is refused with EAGAIN, and with ENOMEM everything else. Where the errno is
 * not known, locked memory is possible if some is locked. */
static struct verdict round_verdict(const struct limits_facts *facts, int error, struct ask ask) {
  struct verdict v = no_verdict(facts);
  if (error == ENOMEM || error == 0) v = kernel_verdict(facts, ask);
  if (v.which != VERDICT_NONE) return v;
  if (error == EAGAIN || (error == 0 && limits_locks_future(facts)))
    return locked_verdict(facts, ask);
  return v;
}

static struct verdict map_verdict(const struct limits_facts *facts,
                                  const struct verdict_request *request) {
  uint64_t bytes = page_up(request->bytes ? request->bytes : request->size, facts->page);
  struct ask plain = {bytes, 1};
  struct ask wide = {sum(bytes, request->align), 1 + MAPPINGS_TO_MOVE};
  struct verdict v = round_verdict(facts, request->error, plain);
  return v.which == VERDICT_NONE ? round_verdict(facts, request->error, wide) : v;
}

static bool is_impossible(const struct verdict_request *request) {
  if (request->reason == REASON_OVERFLOW || request->size > PTRDIFF_MAX) return true;
  return request->align > PTRDIFF_MAX - request->size;
}

struct verdict ace_verdict(const struct limits_facts *facts,
                           const struct verdict_request *request) {
  struct limit_fact possible = {request->size, PTRDIFF_MAX};
  struct limit_fact own = {request->hakmem_use, request->hakmem_limit};
  uint64_t bytes = request->bytes ? request->bytes : request->size;
  if (is_impossible(request)) return name(VERDICT_IMPOSSIBLE, &possible, request->align);
  if (request->reason == REASON_EXHAUSTION && own.limit && limits_exceeded(&own, bytes))
    return name(VERDICT_HAKMEM_LIMIT, &own, bytes);
  if (request->reason == REASON_MAPFAIL) return map_verdict(facts, request);
  return no_verdict(facts);
}

/* --- in words --- */

static void put_field(struct text *t, const char *before, uint64_t n, const char *after) {
  text_field(t, before, n);
  text_str(t, after);
}

static void put_none(struct text *t, const struct verdict *v) {
  text_str(t, "verdict=none note=\"no limit that hakmem ");
  text_str(t, v->blind ? "could read was reached; some could not be read\""
                       : "knows was reached\"");
}

/* A path as it is, but for what would end the phrase or the line. */
static void put_path(struct text *t, const char *path) {
  for (; *path; path++) {
    bool plain = (unsigned char)*path >= ' ' && *path != '"' && *path != 0x7f;
    text_chars(t, plain ? path : "?", 1);
  }
}

/* The shell's limits are in KiB. */
static void put_ulimit(struct text *t, const char *flag, uint64_t bytes) {
  text_str(t, "ulimit ");
  text_str(t, flag);
  text_str(t, " unlimited, or ");
  put_field(t, "", bytes / KIB + (bytes % KIB != 0), " or more");
}

static void put_commit(struct text *t, const struct verdict *v) {
  if (v->mode == OVERCOMMIT_NEVER)
    text_str(t, "sysctl vm.overcommit_memory=0, or a larger vm.overcommit_ratio, or more swap");
  else
    text_str(t, "sysctl vm.overcommit_memory=1, or more memory or swap");
}

static void put_mend(struct text *t, const struct verdict *v) {
  switch (v->which) {
    case VERDICT_MAPPINGS:
      put_field(t, "sysctl vm.max_map_count=", sum(v->limit, v->limit), "");
      break;
    case VERDICT_ADDRESS_SPACE: put_ulimit(t, "-v", v->enough); break;
    case VERDICT_DATA: put_ulimit(t, "-d", v->enough); break;
    case VERDICT_LOCKED:
      put_ulimit(t, "-l", v->enough);
      text_str(t, ", or no mlockall(MCL_FUTURE)");
      break;
    case VERDICT_COMMIT: put_commit(t, v); break;
    case VERDICT_CGROUP:
      text_str(t, "raise ");
      put_path(t, v->cgroup_file ? v->cgroup_file : "the memory limit of the cgroup");
      put_field(t, " to ", v->enough, " or more");
      break;
    case VERDICT_HAKMEM_LIMIT:
      put_field(t, "HAKMEM_LIMIT=", v->enough, " or more, or 0 for no limit");
      break;
    case VERDICT_USER_SPACE:
      text_str(t, "ask for less, or unmap: a process has no more addresses");
      break;
    case VERDICT_IMPOSSIBLE: text_str(t, "ask for less: no object can be that large"); break;
    case VERDICT_NONE:
    case VERDICTS: break;
  }
}

COLD void verdict_text(struct text *t, const struct verdict *v) {
  if (v->which == VERDICT_NONE) {
    put_none(t, v);
    return;
  }
  text_str(t, "verdict=");
  text_str(t, verdict_names[v->which]);
  put_field(t, " limit=", v->limit, "");
  put_field(t, " use=", v->use, " mend=\"");
  put_mend(t, v);
  text_str(t, "\"");
}
