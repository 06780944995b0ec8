#!/bin/bash
# validate - HAKMEM_TINY_SLL_VALIDATE_HDR: what is seen of wrong frees, and what it costs.
source "$(dirname "$0")/parts/lines.sh"
builds ask faults switched
faults=$work/faults
switch=HAKMEM_TINY_SLL_VALIDATE_HDR
duplicate='duplicate: block is free already'
inside='pointer inside a block'
stateless='block without a proper state'

checked() { on $switch=1 "$faults" "$@"; }

# named PROMISE WORDS CLASS: the only line on stderr names the fault in WORDS, the address that the
# program says it freed, and the frame that freed it among the callers.
named() {
  local address from
  read -r _ address _ from < <(grep '^freed' "$work/out")
  same "$1: one line with its own words, the address and the class" \
    "[HAK-VALIDATE] $2: $address class=$3" "$(sed 's/ found=.*//' "$work/err")"
  holds "$1: the callers are listed, the frame that freed it among them" "$(err)" \
    " found=[0-9]+ callers:( 0x[0-9a-f]+)* $from( 0x[1-9a-f][0-9a-f]*)*\$"
}

# --- what is named ---

checked duplicate 1 100 count check
named "a block freed twice" "$duplicate" 7
same "a block freed twice: counted once, and the heap is whole" "count: 1|check: 0|" \
  "$(grep -v freed "$work/out" | tr '\n' '|')"
checked interior 1 100 count check
named "a pointer into a block" "$inside" 7
same "a pointer into a block: counted once, and the heap is whole" "count: 1|check: 0|" \
  "$(grep -v freed "$work/out" | tr '\n' '|')"
checked stateless 208 count check
named "a block that was never given" "$stateless" "$(sed -n 's/.* class=\([0-9]*\) .*/\1/p' \
  "$work/err")"
same "a block that was never given: counted once, and the heap is whole" "count: 1|check: 0|" \
  "$(grep -v freed "$work/out" | tr '\n' '|')"
checked duplicate 1 30000 count
named "a block of 30,000 bytes freed twice" "$duplicate" \
  "$(sed -n 's/.* class=\([0-9]*\) .*/\1/p' "$work/err")"
checked duplicate 50 100 distinct 100 distinct 100 check
same "a block refused does not come into a cache: no address is given twice" \
  "distinct: 0 given twice|distinct: 0 given twice|check: 0|" \
  "$(grep -v freed "$work/out" | tr '\n' '|')"

# --- in a running process ---

# A thread that was allocating when the mode came on may get a block that another one, which saw it
# on, has marked as free.
for size in 1000 220000 1000 220000 220000; do
  on "$work/switched" 200 $size
  same "switched on and off while threads pass blocks of $size bytes on: none is accused" \
    "200 switches, 0 accused" "$(out)"
done

# --- how much is said ---

on $switch=1 HAKMEM_SHOW_STATS=1 "$faults" duplicate 8 100 interior 40 48 count
same "the first ten are written, of all kinds together" "10 8 2" \
  "$(lines_of '^\[HAK-VALIDATE\]' "$work/err") $(lines_of "$duplicate" "$work/err") \
$(lines_of "$inside" "$work/err")"
same "all are counted, in hak_counter and in the statistics" "count: 48 48" \
  "$(grep count "$work/out") $(tell front.violations)"
checked deep 40 count
same "a fault 40 frames deep: one line" "1 count: 1" \
  "$(wc -l <"$work/err") $(grep count "$work/out")"
holds "and all its frames are listed" "$(err)" ' callers:( 0x[0-9a-f]+){42,}$'
checked deep 20000
bytes=$(wc -c <"$work/err")
same "a fault 20,000 frames deep writes at most 64 KiB" "1 1" \
  "$(lines_of '^\[HAK-VALIDATE\]' "$work/err") $((bytes <= 65536))"
on $switch=1 HAKMEM_LOG="$work/log" "$faults" duplicate 1 100
same "HAKMEM_LOG=FILE: the line goes there, stderr holds nothing" "1 0" \
  "$(lines_of '^\[HAK-VALIDATE\]' "$work/log") $(wc -c <"$work/err")"
on $switch=1 "$work/ask" reuse "$work/data" malloc 100
same "a file opened as descriptor 2 gets nothing" "data of the program" "$(cat "$work/data")"

# --- what is no fault ---

on $switch=1 HAKMEM_SHOW_STATS=1 "$work/ask" churn 200000 0 1000 churn 50000 1 300000 \
  aligned 4096 100 realloc 5000000 calloc 10 10 reallocarray 100 100
same "a correct program: nothing is written, nothing counted" "0 0" \
  "$(lines_of '^\[HAK-VALIDATE\]' "$work/err") $(tell front.violations)"
on "$faults" give 100 take give 100 take count
same "unset: nothing is written, nothing counted" "count: 0" "$(out)$(err)"

# --- in a running process ---

on "$faults" give 100 set 1 take count give 100 take count check
same "switched on: blocks given before are accepted" "set: 0|count: 0|count: 0|check: 0|" \
  "$(out | tr '\n' '|')$(err)"
on "$faults" give 100 set 1 take duplicate 3 100 interior 2 100 count
same "switched on: faults are counted from then on" "count: 5" "$(grep count "$work/out")"
same "switched on: faults are written from then on" 5 "$(lines_of '^\[HAK-VALIDATE\]' "$work/err")"
on "$faults" set 1 give 100 set 0 interior 3 100 count
same "switched off: no fault is seen any more" "count: 0|" \
  "$(grep count "$work/out" | tr '\n' '|')$(err)"
on "$faults" give 48 set 1 take set 0 give 48 set 1 take count check
same "on, off and on again: blocks given in between are accepted" "count: 0|check: 0|" \
  "$(grep -v set "$work/out" | tr '\n' '|')$(err)"
on "$faults" threads count check
same "on and off, 200 times while four threads work: no violation, the heap is whole" \
  "count: 0|check: 0|" "$(out | tr '\n' '|')$(err)"

# --- real programs ---

# unchanged NAME COMMAND...: under validation its output and status are those without, and the
# statistics of all its processes say that nothing was refused.
unchanged() {
  local name=$1 wanted seen
  shift
  rm -f "$work/log"
  wanted=$("$@" 2>&1 </dev/null; echo "status $?")
  seen=$(env LD_PRELOAD="$library" $switch=1 HAKMEM_SHOW_STATS=1 HAKMEM_LOG="$work/log" \
    "$@" 2>&1 </dev/null; echo "status $?")
  same "$name under validation: output and status as ever" "$wanted" "$seen"
  same "$name under validation: no violation in any of its processes" "0" \
    "$(awk '$1 == "front.violations" { print $2 }' "$work/log" | sort -u)"
}

# real NAME PROGRAM ARGUMENT...: unchanged, where the machine has the program.
real() {
  local name=$1
  shift
  if type -P "$1" >/dev/null; then unchanged "$name" "$@"
  else skip "$name under validation" "$1"; fi
}

real perl perl -e 'for (1..20000) { $h{$_ % 977} .= "x$_"; } print length(join ",",
  map { "$_=$h{$_}" } sort keys %h), "\n"; print `echo child`'
real python /usr/bin/python3 -S -c 'import json
d = {str(i): [i, str(i) * (i % 50)] for i in range(5000)}
print(len(json.dumps(json.loads(json.dumps(d)), indent=1)))'
real sqlite3 sqlite3 :memory: "create table t(a integer primary key, b text);
  with recursive n(i) as (select 1 union all select i+1 from n where i < 5000)
  insert into t select i, hex(zeroblob(i % 400)) from n; create index x on t(b);
  select count(*), sum(length(b)), max(b) = min(b) from t;"
printf '#include <stdio.h>\nint main(void) { return printf("%%d\\n", 42) < 0; }\n' >"$work/small.c"
real gcc gcc -O2 -S -o - "$work/small.c"

# --- the cost ---

# user COMMAND...: the least user time of three runs, in milliseconds.
user() {
  local TIMEFORMAT=%U i
  for i in 1 2 3; do { time "$@" >"$work/bench.$i"; } 2>&1 </dev/null; done |
    awk '{ ms = $1 * 1000; if (!best || ms < best) best = ms } END { printf "%d\n", best }'
}

bench=("$build/bench/random_mixed" 5000000 8192 16 1024 1)
if [ -x "${bench[0]}" ]; then
  plain=$(user env LD_PRELOAD="$library" "${bench[@]}")
  slow=$(user env LD_PRELOAD="$library" $switch=1 "${bench[@]}")
  echo "# random_mixed: user $plain ms, under validation $slow ms: $((slow * 100 / plain)) %"
  same "random_mixed under validation is at most 8 times slower (4 are meant; a time is noisy)" 1 \
    "$((plain > 0 && slow <= 8 * plain))"
else
  skip "random_mixed under validation is at most 8 times slower" "make benches"
fi
finish
