#!/bin/bash
# ulimit - programs start and run under `ulimit -v 200000` (KiB of address space).
source "$(dirname "$0")/parts/lines.sh"
workspace

# limited COMMAND...: runs COMMAND on hakmem under the limit.
limited() { (ulimit -v 200000 && LD_PRELOAD=$library exec "$@"); }

# same NAME COMMAND...: COMMAND's output and status are those it has without hakmem.
same() {
  local name="ulimit: $1 runs as without hakmem" expected seen
  shift
  expected=$("$@" 2>&1; echo "status $?")
  seen=$(limited "$@" 2>&1; echo "status $?")
  if [ "$expected" = "$seen" ]; then
    pass "$name"
  else
    fail "$name" "it gave: $(head -c 200 <<<"$seen" | tr '\n' ' ')"
  fi
}

same true true
same sh sh -c 'i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done; echo $i; exit 3'
same sort sh -c 'seq 20000 | sort -r | cksum'
same awk awk 'BEGIN { for (i = 0; i < 200000; i++) a[i] = i "x"; print length(a) }'

if compile "$work/limited" "$parts/limited.c" -pthread -ldl; then
  run_program ulimit limited bash -c \
    'ulimit -v 200000 && LD_PRELOAD=$0 exec "$1"' "$library" "$work/limited"
else
  fail "ulimit: the program is built" "$compiler refuses it"
fi

seen=$(ulimit -v 60000; HAKMEM_PREWARM=20 HAKMEM_SHOW_STATS=1 LD_PRELOAD=$library exec true 2>&1)
name="ulimit: HAKMEM_PREWARM says when the system gives it less than it asked for"
if grep -q '^hakmem: HAKMEM_PREWARM: fewer superslabs.*: the system refused more$' <<<"$seen" &&
  awk '$1 == "super.mapped" && $2 > 2 && $2 < 20 { found = 1 } END { exit !found }' <<<"$seen"; then
  pass "$name"
else
  fail "$name" "$(head -c 300 <<<"$seen" | tr '\n' ' ')"
fi

seen=$(HAKMEM_PREWARM=4 HAKMEM_LIMIT=8M LD_PRELOAD=$library exec true 2>&1)
name="HAKMEM_PREWARM says when HAKMEM_LIMIT allows less than it asked for"
if grep -q '^hakmem: HAKMEM_PREWARM: fewer superslabs.*: HAKMEM_LIMIT$' <<<"$seen"; then
  pass "$name"
else
  fail "$name" "$seen"
fi

seen=$(ulimit -n 20; HAKMEM_SHOW_STATS=1 LD_PRELOAD=$library exec ls / 2>&1 >/dev/null)
name="ulimit: with 20 descriptors statistics come though the program closes stderr"
if grep -q '^heap.live_bytes ' <<<"$seen"; then pass "$name"; else fail "$name" "$seen"; fi

# What the system refuses is a leaf of the slab map, behind the mapping that the request needs.
cat >"$work/huge.c" <<'END'
#include <stdlib.h>
int main(void) {
  int n = 0;
  while (n < 10000 && malloc(3000000)) n++;
  return n == 10000;
}
END
name="ulimit: what the slab map needs besides is part of what a verdict explains"
compile "$work/huge" -fno-builtin "$work/huge.c"
seen=$(ulimit -d 12000; HAKMEM_ACE_TRACE=1 LD_PRELOAD=$library exec "$work/huge" 2>&1)
if grep -q '^\[ACE-FAIL\] MapFail .*verdict=RLIMIT_DATA' <<<"$seen"; then
  pass "$name"
else
  fail "$name" "$(head -c 300 <<<"$seen" | tr '\n' ' ')"
fi
finish
