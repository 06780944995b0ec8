#!/bin/bash
# trace - HAKMEM_ACE_TRACE: which refusals write which line, with which verdict, and how many.
source "$(dirname "$0")/parts/lines.sh"
builds ask failures
ask=$work/ask
above=9223372036854775808 # PTRDIFF_MAX + 1
half=4294967296           # its square does not fit a size
trace=HAKMEM_ACE_TRACE=1
common='tier=(tiny|mid|large|huge) size=[0-9]+ class=[0-9]+ wmax=[0-9]+\.[0-9]{2}'
common="$common next=(none|run|mapping) thread=[0-9]+"
verdict='verdict=[A-Za-z_.-]+ (limit=[0-9]+ use=[0-9]+ mend="[^"]+"|note="[^"]+")'
suppressed='( suppressed=[0-9]+)?'

# traced STEP...: ask with the trace on; limited FLAG KIB STEP...: the same under `ulimit`.
traced() { on "$trace" "$ask" "$@"; }
limited() { (ulimit "$1" "$2" && shift 2 && traced "$@"); }

# only_tag PROMISE TAG PATTERN: $work/err holds lines of TAG, each of the whole form PATTERN.
only_tag() {
  local n
  n=$(lines_of "^\[ACE-FAIL\] $2 $3\$" "$work/err")
  if [ "$n" -gt 0 ] && [ "$n" = "$(wc -l <"$work/err")" ]; then
    pass "$1"
  else
    fail "$1" "$n lines of this form in: $(err)"
  fi
}

# --- off ---

on "$ask" malloc $above calloc $half $half repeat 1000 $above
same "unset: refusals write nothing, the caller gets NULL and ENOMEM" \
  "malloc: NULL, errno ENOMEM|calloc: NULL, errno ENOMEM|repeat: 1000 NULL|" \
  "$(out | tr '\n' '|')$(err)"
(ulimit -v 200000 && on HAKMEM_WMAX_MID=1.01 HAKMEM_WMAX_LARGE=1.01 "$ask" malloc 33000 \
  malloc 400000000)
same "unset: neither Threshold nor MapFail writes anything" \
  "malloc: given, errno untouched|malloc: NULL, errno ENOMEM|" "$(out | tr '\n' '|')$(err)"
on HAKMEM_LIMIT=32M "$ask" fill 1000
same "unset: an Exhaustion writes nothing" "" "$(err)"
on HAKMEM_LOG="$work/log" HAKMEM_WMAX_LARGE=1.01 "$ask" malloc 33000 malloc $above
same "unset: nothing is written to HAKMEM_LOG either" "" "$(grep ACE "$work/log" 2>/dev/null)$(err)"
on HAKMEM_ACE_TRACE=0 "$ask" malloc $above
same "0: nothing is written" "malloc: NULL, errno ENOMEM" "$(out)$(err)"

# --- each reason by its own tag ---

on "$trace" HAKMEM_WMAX_MID=1.01 HAKMEM_WMAX_LARGE=1.01 "$ask" malloc 33000
same "W_MAX 1.01: 33,000 bytes are given all the same, errno untouched" \
  "malloc: given, errno untouched" "$(out)"
only_tag "W_MAX 1.01: lines with the tag Threshold alone, in full" Threshold "$common$suppressed"
holds "W_MAX 1.01: the line says size=33000 class=40960 wmax=1.01 next=run" "$(err)" \
  '^\[ACE-FAIL\] Threshold tier=large size=33000 class=40960 wmax=1\.01 next=run thread=[0-9]+$'

limited -v 200000 malloc 400000000
same "RLIMIT_AS: NULL and ENOMEM" "malloc: NULL, errno ENOMEM" "$(out)"
only_tag "RLIMIT_AS: a line with the tag MapFail alone, with bytes, errno and verdict" MapFail \
  "$common bytes=[0-9]+ errno=12 $verdict$suppressed"
holds "RLIMIT_AS: the verdict names it and its value" "$(err)" \
  'tier=huge size=400000000 .* next=none .* verdict=RLIMIT_AS limit=204800000 use=[0-9]+ mend='

on "$trace" HAKMEM_LIMIT=64M "$ask" malloc 100000000
same "HAKMEM_LIMIT: NULL and ENOMEM" "malloc: NULL, errno ENOMEM" "$(out)"
only_tag "HAKMEM_LIMIT: lines with the tag Exhaustion alone" Exhaustion \
  "$common $verdict$suppressed"
holds "HAKMEM_LIMIT: the verdict names it and its value" "$(err)" \
  'size=100000000 .* next=none .* verdict=HAKMEM_LIMIT limit=67108864 use=[0-9]+ mend='

# impossible NAME STEP...: one line with the tag Overflow, and the request as the cause.
impossible() {
  local name=$1
  shift
  traced "$@"
  same "$name: NULL and ENOMEM" "NULL, errno ENOMEM" "$(out | sed 's/^[a-z]*: //')"
  holds "$name: a line says that the request itself is impossible" "$(err)" \
    "^\[ACE-FAIL\] Overflow $common verdict=impossible limit=9223372036854775807 use=[0-9]+ mend="
  same "$name: it is the only line" 1 "$(wc -l <"$work/err")"
}
impossible "malloc above PTRDIFF_MAX" malloc $above
impossible "malloc of SIZE_MAX" malloc 18446744073709551615
impossible "calloc that overflows" calloc $half $half
impossible "reallocarray that overflows" reallocarray $half $half
impossible "realloc above PTRDIFF_MAX" realloc $above
impossible "aligned_alloc above PTRDIFF_MAX" aligned 4096 $above
impossible "aligned_alloc whose size and alignment are too much" aligned 4611686018427387904 \
  4611686018427387904

# --- the limits of the system, provoked; and what is said to mend them mends them ---

# mended FLAG: runs the request again with the number that the line names.
mended() {
  sed -n "s/.*mend=\"ulimit $1 unlimited, or \([0-9]*\) or more\".*/\1/p" "$work/err" | head -1
}
limited -v 200000 malloc 400000000
enough=$(mended -v)
limited -v "${enough:-1}" malloc 400000000
same "RLIMIT_AS: with the value that the line names the request succeeds" \
  "malloc: given, errno untouched" "$(out)$(err)"
limited -d 150000 malloc 400000000
holds "RLIMIT_DATA: the verdict names it and its value" "$(err)" \
  '^\[ACE-FAIL\] MapFail .* errno=12 verdict=RLIMIT_DATA limit=153600000 use=[0-9]+ mend='
enough=$(mended -d)
limited -d "${enough:-1}" malloc 400000000
same "RLIMIT_DATA: with the value that the line names the request succeeds" \
  "malloc: given, errno untouched" "$(out)$(err)"
on "$trace" HAKMEM_LIMIT=64M "$ask" malloc 100000000
enough=$(sed -n 's/.*mend="HAKMEM_LIMIT=\([0-9]*\) .*/\1/p' "$work/err" | tail -1)
on "$trace" HAKMEM_LIMIT="${enough:-1}" "$ask" malloc 100000000
same "HAKMEM_LIMIT: with the value that the line names the request succeeds" \
  "malloc: given, errno untouched" "$(out)$(err)"
limited -v 200000 realloc 400000000
same "a realloc that is refused leaves the block as it was" "realloc: NULL, errno ENOMEM" "$(out)"
holds "realloc: the verdict names RLIMIT_AS" "$(err)" '^\[ACE-FAIL\] MapFail .*verdict=RLIMIT_AS'
limited -v 200000 aligned 2097152 400000000
holds "aligned_alloc: the verdict names RLIMIT_AS" "$(err)" \
  '^\[ACE-FAIL\] MapFail .*verdict=RLIMIT_AS'
for size in 100 5000 40000 1000000; do
  limited -v 100000 fill $size
  holds "small blocks of $size until NULL: the last verdict is RLIMIT_AS" \
    "$(grep 'next=none' "$work/err")" '^\[ACE-FAIL\] MapFail .*verdict=RLIMIT_AS limit=102400000 '
done
traced mappings malloc 100000000
if grep -q 'used up' "$work/out"; then
  holds "vm.max_map_count: the verdict names it, its value and the line that mends it" "$(err)" \
    "verdict=vm.max_map_count limit=$(cat /proc/sys/vm/max_map_count) use=[0-9]+ mend=\"sysctl "
else
  skip "vm.max_map_count: the verdict names it" "a limit on mappings that a test can reach"
fi

# --- at the defaults ---

traced churn 200000 33000 33792
same "33 KB for ever, at the defaults: never NULL, nothing logged" "churn: 0 NULL" "$(out)$(err)"
traced churn 100000 1 70000
same "sizes up to 70,000, at the defaults: never NULL, nothing logged" "churn: 0 NULL" \
  "$(out)$(err)"
on "$trace" HAKMEM_WMAX_MID=1.01 HAKMEM_WMAX_LARGE=1.01 "$ask" churn 50000 33000 33792
same "33 KB for ever, at W_MAX 1.01: never NULL" "churn: 0 NULL" "$(out)"
only_tag "33 KB for ever, at W_MAX 1.01: Threshold alone" Threshold "$common$suppressed"
lines=$(grep -c 'tier=large' "$work/err")
same "33 KB for ever, at W_MAX 1.01: 50,000 refusals write 10 + 12 lines" 22 "$lines"

# --- one line per cause, not per call ---

on "$trace" HAKMEM_SHOW_STATS=1 "$ask" repeat 1000000 $above
same "a million refusals are a million NULLs" "repeat: 1000000 NULL" "$(out)"
same "and all are counted" 1000000 "$(tell failures.overflow.huge)"
same "a million refusals of one cause write the first ten, then one per power of two" 26 \
  "$(lines_of '^\[ACE-FAIL\]' "$work/err")"
same "lines and what they say was suppressed add up to the last power of two" 524288 \
  "$(awk -F 'suppressed=' '/^\[ACE-FAIL\]/ { n += 1 + $2 } END { print n }' "$work/err")"
limited -v 100000 repeat 20000 400000000
same "20,000 refusals of the system write 10 + 11 lines" 21 \
  "$(lines_of '^\[ACE-FAIL\] MapFail' "$work/err")"
traced repeat 100000 $above malloc 18446744073709551615 aligned 4096 $above
same "other sizes of the same cause write no further line" 23 "$(wc -l <"$work/err")"
on "$trace" HAKMEM_LIMIT=64M "$ask" repeat 1000 $above malloc 100000000
holds "another cause is written at once" "$(tail -n 1 "$work/err")" '^\[ACE-FAIL\] Exhaustion'

# --- where the lines go ---

rm -f "$work/log"
on "$trace" HAKMEM_LOG="$work/log" "$ask" malloc $above malloc 100
same "HAKMEM_LOG=FILE: stderr holds nothing" "" "$(err)"
holds "HAKMEM_LOG=FILE: the file holds the line" "$(cat "$work/log")" '^\[ACE-FAIL\] Overflow '
on "$trace" HAKMEM_LOG="$work/log" "$ask" malloc $above
same "HAKMEM_LOG=FILE: the next program appends" 2 "$(wc -l <"$work/log")"
on HAKMEM_LOG="$work/own%%.%p.%" HAKMEM_SHOW_STATS=1 "$ask" malloc 100 next
same "HAKMEM_LOG: %p is the process's number, of which the file tells" 1 \
  "$(for file in "$work"/own%%.*.%; do
    number=${file#"$work"/own%%.}
    head -1 "$file" | grep -c "pid ${number%.%} "
  done)"
on "$trace" HAKMEM_LOG="$work/log" "$ask" close malloc $above next
same "HAKMEM_LOG=FILE: a program that has closed stderr gets 2 for its next file, not the log" \
  "malloc: NULL, errno ENOMEM|next: 2|3" "$(out | tr '\n' '|')$(wc -l <"$work/log")"
on "$trace" HAKMEM_LOG="$work/none/log" "$ask" malloc $above
same "HAKMEM_LOG=FILE that cannot be opened: the program is served all the same" \
  "malloc: NULL, errno ENOMEM" "$(out)"
holds "and stderr tells, and holds the line" "$(err)" '^\[ACE-FAIL\] Overflow ' \
  "^hakmem: HAKMEM_LOG: cannot open $work/none/log \(errno 2\): what follows goes to stderr"
mkfifo "$work/fifo"
on timeout 10 env "$trace" HAKMEM_LOG="$work/fifo" "$ask" malloc $above
same "HAKMEM_LOG=FIFO that nobody reads: the program is served all the same" \
  "malloc: NULL, errno ENOMEM" "$(out)"
holds "and stderr tells, and holds the line" "$(err)" '^\[ACE-FAIL\] Overflow ' \
  "^hakmem: HAKMEM_LOG: cannot open $work/fifo \(errno 6\): what follows goes to stderr"
exec 9<>"$work/fifo"
dd if=/dev/zero bs=4096 oflag=nonblock >&9 2>/dev/null # until it is full
on timeout 10 env "$trace" HAKMEM_LOG="$work/fifo" "$ask" malloc $above &
program=$!
sleep 0.3
timeout 10 cat "$work/fifo" >"$work/read" 9>&- &
reader=$!
wait $program
exec 9>&-
wait $reader
holds "HAKMEM_LOG=FIFO that is full: the line waits for its reader" \
  "$(tr -d '\0' <"$work/read")" '^\[ACE-FAIL\] Overflow '
same "and stderr holds nothing" "" "$(err)"
exec 8> >(:)
wait $! # stderr is a pipe whose reader has gone
env LD_PRELOAD="$library" "$trace" HAKMEM_SHOW_STATS=1 "$ask" malloc $above >"$work/out" 2>&8
same "a line to a pipe that nobody reads does not end the program" \
  "0 malloc: NULL, errno ENOMEM" "$? $(out)"
exec 8>&-
on "$trace" HAKMEM_LOG=/dev/full HAKMEM_SHOW_STATS=1 "$ask" malloc 100
holds "HAKMEM_LOG=FILE of a full disk: stderr tells what is lost" "$(err)" \
  "^hakmem: HAKMEM_LOG: cannot write to the file \(errno 28\): what was to go there is lost"
on "$trace" HAKMEM_SHOW_STATS=1 HAKMEM_TINY_SLL_VALIDATE_HDR=1 "$ask" \
  reuse "$work/data" repeat 100 $above
same "a file that the program opened as descriptor 2 gets neither trace nor statistics" \
  "data of the program" "$(cat "$work/data")"
holds "they go to what stderr was at start" "$(err)" '^\[ACE-FAIL\] Overflow' '^heap.live_bytes'
env LD_PRELOAD="$library" "$trace" HAKMEM_SHOW_STATS=1 "$ask" reuse "$work/data" malloc $above \
  >"$work/out" 2>&-
same "the same where stderr was closed from the start" "data of the program" "$(cat "$work/data")"
# untouched WHAT QUESTION...: without options, and without a descriptor 2 at the start.
untouched() {
  local what=$1
  shift
  { env LD_PRELOAD="$library" "$ask" reuse "$work/data" "$@" >"$work/out" 2>&-; } 2>"$work/err"
  same "where stderr was closed from the start, a file opened there gets $what" \
    "data of the program" "$(cat "$work/data")"
}
untouched "no line about an option" set RETAIN banana
same "and the value is refused" "set: -2" "$(grep set: "$work/out")"
untouched "no trace that is switched on later" set ACE_TRACE 1 malloc $above
untouched "no last line of a program that hakmem ends" inner 300000
same "and it ends by SIGABRT" 1 "$(lines_of Aborted "$work/err")"
on "$ask" set ACE_TRACE 1 malloc $above set ACE_TRACE 0 malloc $above
same "switched on in a running process, and off again: one line" "1 set: 0 set: 0" \
  "$(wc -l <"$work/err") $(grep set: "$work/out" | tr '\n' ' ' | sed 's/ $//')"

# --- HAKMEM_LIMIT ---

for size in 48 5000 100000 3000000; do
  on "$trace" HAKMEM_LIMIT=64M "$ask" fill $size release fill $size release malloc 1000
  same "blocks of $size at HAKMEM_LIMIT=64M: NULL with ENOMEM, and after frees it works again" \
    "2 ENOMEM 1 given" "$(grep -c 'fill: .*ENOMEM' "$work/out") ENOMEM $(grep -c given \
    "$work/out") given"
  least=$(awk '$1 == "fill:" { print ($2 > 40000000 && $2 <= 67108864) }' "$work/out" | sort -u)
  same "blocks of $size: both times at least 40 of the 64 MiB are given, and never more" 1 "$least"
  holds "blocks of $size: the last line is an Exhaustion and names HAKMEM_LIMIT" \
    "$(grep 'next=none' "$work/err" | tail -n 1)" \
    '^\[ACE-FAIL\] Exhaustion .*verdict=HAKMEM_LIMIT limit=67108864 '
done

# --- what a program can read itself ---

on "$work/failures"
out
[ "$(grep -c '^FAIL' "$work/out")" = 0 ] || failures=$((failures + 1))
same "hak_failures: the program came to its end" 3 "$(lines_of '^(pass|FAIL): ' "$work/out")"
on "$trace" HAKMEM_WMAX_LARGE=1.01 PRINT_ONLY=1 "$work/failures"
same "hak_failures says what the trace said, the newest first" \
  "$(sed -E 's/^\[ACE-FAIL\] ([A-Z])([a-z]*)/# \L\1\2/; s/ wmax=[^ ]*//; s/ limit=.*//;
     /verdict/!s/$/ verdict=none/' "$work/err" | tac)" "$(out)"

# --- the diagnosis as documented: a build without magazines above 1 KiB, all variables ---

unset MAKEFLAGS MFLAGS MAKELEVEL
if make -C "$root" --no-print-directory shared POOL_TLS_PHASE1=0 BUILD="$work/split" \
  CC="$compiler" >"$work/make" 2>&1; then
  pass "make shared POOL_TLS_PHASE1=0 builds"
  (ulimit -v 200000 && env HAKMEM_FRONT_GATE_UNIFIED=0 HAKMEM_SMALLMID_ENABLE=0 \
    HAKMEM_FORCE_LIBC_ALLOC=0 HAKMEM_LD_BLOCK_JEMALLOC=0 HAKMEM_ACE_TRACE=1 \
    HAKMEM_WMAX_MID=1.60 HAKMEM_WMAX_LARGE=1.30 LD_PRELOAD="$work/split/libhakmem.so" \
    "$ask" churn 20000 1 70000 malloc 400000000 fill 33000 >"$work/out" 2>"$work/err")
  same "the recipe: 33 KB is given until the system refuses" "churn: 0 NULL|malloc: NULL, errno \
ENOMEM|" "$(head -n 2 "$work/out" | tr '\n' '|')"
  only_tag "the recipe: stderr in a file holds the [ACE-FAIL] lines, and nothing else" MapFail \
    "$common bytes=[0-9]+ errno=12 verdict=RLIMIT_AS .*"
else
  fail "make shared POOL_TLS_PHASE1=0 builds" "$(tail -n 5 "$work/make")"
fi
finish
