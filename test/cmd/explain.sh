#!/bin/bash
# explain - why allocations failed: of a process, of its core file, of its log.
source "$(dirname "$0")/parts/lines.sh"
here=$root/test/cmd/parts
cd "$work" || exit 1
chmod 755 "$work" # for another user
above=9223372036854775808 # PTRDIFF_MAX + 1
none="no refusal is recorded"

"${CC:-gcc}" -std=c11 -O2 -g -D_GNU_SOURCE -fno-builtin -Wall -Wextra -o refused \
  "$here/refused.c" -pthread || {
  fail "the program is built" "the compiler refuses it"
  finish
}

# start STEP...: $work/refused on hakmem with the trace into $work/log, until it waits or ends; its
# number in $pid. Variables and limits are the caller's. finish_it lets it end.
start() {
  rm -f log hold ready
  mkfifo hold
  HAKMEM_ACE_TRACE=1 HAKMEM_LOG=$work/log LD_PRELOAD=${preload-$preloaded} \
    "${program:-./refused}" "$@" <hold >ready 3>&- &
  pid=$!
  exec 3>hold
  for _ in $(seq 200); do
    grep -q ready ready && return
    sleep 0.05
  done
  fail "the program gets ready" "it does not"
}
finish_it() {
  exec 3>&-
  wait "$pid"
}

# explained WORD...: the answer into $work/out, stderr into $work/err; the status is returned.
explained() { "$hakmem" explain "$@" >"$work/out" 2>"$work/err" </dev/null; }

# has PROMISE LINE...: the answer holds each line, and nothing was said on stderr.
has() {
  local promise=$1 line
  shift
  for line in "$@"; do
    grep -qxF -- "$line" out && continue
    fail "$promise" "no line '$line' in: $(tr '\n' '|' <out) $(cat err)"
    return
  done
  same "$promise" "" "$(cat err)"
}

# traced_as_recorded PROMISE: what --all says of the ring is what the trace said in the log.
traced_as_recorded() {
  same "$1" "$(sed -E 's/^\[ACE-FAIL\] ([A-Za-z]*)/\L\1/' log)" \
    "$(sed -E 's/ time=[0-9]+( callers=.*)?$//' out)"
}

# opens_mapped: may the user open files that $pid has mapped by their mappings, deleted or not? In a
# user namespace of its own root may not.
opens_mapped() {
  local first
  first=$(find "/proc/$pid/map_files" -type l 2>find.log | head -n 1)
  [ -n "$first" ] && head -c 1 "$first" >head.log 2>&1
}

# finds_ask PROMISE PROGRAM: addr2line finds ask among the callers in PROGRAM.
finds_ask() {
  local callers
  callers=$(sed -n "s/^    .*\/$2+\(0x[0-9a-f]*\)\$/\1/p" out)
  if type -P addr2line >/dev/null; then
    same "$1" ask "$(addr2line -f -e "$2" <<<"$callers" | grep -x ask | head -n 1)"
  else
    skip "$1" "addr2line"
  fi
}

# --- a process ---

kib=300000
steps=(malloc 33000 malloc 400000000 thread 500000000 malloc "$above" aligned 4194304 350000000)
export HAKMEM_WMAX_LARGE=1.01
ulimit -Sv $kib
start "${steps[@]}" wait
ulimit -Sv unlimited
explained "$pid"
same "a process with refusals: status 0" 0 $?
use=$(sed -n 's/.*size=350000000 .* use=\([0-9]*\) .*/\1/p' log)
mend=$(sed -n 's/.*size=350000000 .* mend="\([^"]*\)".*/\1/p' log)
bytes=$(sed -n 's/.*size=350000000 .* bytes=\([0-9]*\) .*/\1/p' log)
has "a process: how many refusals, by reason, tier and verdict" \
  "process $pid: 5 refusals, 4 of them NULL" \
  "  threshold   large   -                            1" \
  "  mapfail     huge    RLIMIT_AS                    3" \
  "  overflow    huge    impossible                   1"
has "a process: the newest of a cause in sentences, with the limit of the trace and its mend" \
  "  Thread $pid asked for 350000000 bytes at a multiple of 4194304." \
  "  The system refused $bytes bytes: Cannot allocate memory (errno 12)." \
  "  The limit RLIMIT_AS is $((kib * 1024)) bytes, and $use of them were in use." \
  "  To mend it: $mend." "  It ended in NULL."
has "a process: a threshold names the ratio that would do, and the next route" \
  "  The router refused the class of 40960 bytes: more than 1.01 times the size (W_MAX)." \
  "  To mend it: HAKMEM_WMAX_LARGE=1.25 or more." \
  "  It was passed on to a run of whole 64 KiB units, and is served from there"
has "a process: an impossible request" "  Thread $pid asked for $above bytes." \
  "  The front refused: the size is above PTRDIFF_MAX, or computing it overflows." \
  "  No object can have more than 9223372036854775807 bytes." \
  "  To mend it: ask for less: no object can be that large."
same "a process: of each cause the newest alone" 0 "$(grep -c 'asked for 400000000' out)"
finds_ask "a caller is where addr2line finds the function that asked" refused
cp out first
explained --all "$pid"
traced_as_recorded "--all: each record as the trace worded it, the newest last"
"$hakmem" explain "$pid" --all >again
same "--all may stand behind" "$(cat out)" "$(cat again)"

if type -P gcore >/dev/null && gcore -o gcore "$pid" >gcore.log 2>&1; then
  explained "gcore.$pid"
  same "a core file that gdb made says what the process said" \
    "$(sed 1d first)" "$(sed 1d out)$(cat err)"
else
  skip "a core file that gdb made says what the process said" "gcore"
fi
cp "$preloaded" copy.so
rm "$preloaded"
explained "$pid"
if [ -s err ] && ! opens_mapped; then
  skip "a process whose library was deleted is explained" "the right to open deleted files"
else
  same "a process whose library was deleted is explained" "$(cat first)" "$(cat out err)"
fi
cp "$(type -P true)" "$preloaded"
HAKMEM_LIBRARY=$work/copy.so explained "$pid"
same "where another lies in its place, a copy may be named" "$(cat first)" "$(cat out err)"
mv copy.so "$preloaded"
another=(setpriv --reuid=65534 --regid=65534 --clear-groups)
if "${another[@]}" true 2>setpriv.log; then
  expect "a process of another user is refused" 1 "" \
    "hakmem: explain: process $pid: it belongs to another user" \
    "${another[@]}" "$hakmem" explain "$pid"
else
  skip "a process of another user is refused" "setpriv and the right to be another user"
fi
finish_it
expect "a process that is not there is refused" 1 "" \
  "hakmem: explain: process $pid: there is none" "$hakmem" explain "$pid"
{ sh -c 'sleep 0.1 & echo $!; exec sleep 60' & } >zombie # the latter waits for no child
parent=$!
sleep 0.5
zombie=$(cat zombie)
expect "a process that has ended, but was not waited for, has no memory" 1 "" \
  "hakmem: explain: process $zombie: it has no memory: it ended, or is a part of the kernel" \
  "$hakmem" explain "$zombie"
kill "$parent"
expect "a number that can be none, too" 1 "" \
  "hakmem: explain: process 99999999999999999999999999: there is none" \
  "$hakmem" explain 99999999999999999999999999

cp log whole
unset HAKMEM_WMAX_LARGE
start malloc 100 wait
expect "a process without refusals: status 1" 1 "process $pid: $none" "" "$hakmem" explain "$pid"
finish_it
preload='' start malloc "$above" wait
expect "a process that does not run hakmem is refused" 1 "" \
  "hakmem: explain: process $pid: it does not run hakmem, or its symbols \
were stripped" "$hakmem" explain "$pid"
finish_it

start repeat 3000 "$above" wait
explained "$pid"
has "of 3,000 refusals the last 256 are known" \
  "process $pid: 256 refusals known, the last of 3000, 256 of them NULL" \
  "  To mend it: ask for less: no object can be that large."
explained --all "$pid"
same "--all lists 256" 256 "$(wc -l <out)"
finish_it

HAKMEM_LIMIT=64M start malloc 100000000 wait
explained "$pid"
mend=$(sed -n 's/.* mend="\([^"]*\)".*/\1/p' log)
has "HAKMEM_LIMIT: named with its value, and with what would do" \
  "  exhaustion  huge    HAKMEM_LIMIT                 1" "  To mend it: $mend." \
  "  The pool refused: it may not take more memory from the system."
finish_it

start mappings malloc 5000000 wait
if grep -q max_map_count log; then
  explained --all "$pid"
  traced_as_recorded "vm.max_map_count: each record as the trace worded it"
else
  skip "vm.max_map_count: each record as the trace worded it" "a limit that can be reached"
fi
finish_it

if "${CC:-gcc}" -O2 -g -D_GNU_SOURCE -fno-builtin -no-pie -o linked "$here/refused.c" \
  "$build/libhakmem.a" -pthread -ldl 2>err; then
  program=./linked preload='' start malloc "$above" wait
  explained "$pid"
  has "a program that hakmem is linked into" "process $pid: 1 refusal, 1 of them NULL" \
    "  overflow    huge    impossible                   1"
  finds_ask "a caller in a program with fixed addresses" linked
  finish_it
else
  skip "a program that hakmem is linked into" "libhakmem.a"
fi

# --- a core file ---

mkdir dumps
cores=$(cat /proc/sys/kernel/core_pattern)
case $cores in
  */* | \|*) skip "the core file of a program that aborted" "core files in the current directory" ;;
  *)
    { (cd dumps && ulimit -c unlimited && LD_PRELOAD=$preloaded HAKMEM_LIMIT=64M \
      ../refused malloc 100000000 malloc "$above" abort); } 2>/dev/null
    core=$(find dumps -type f | head -n 1)
    explained "${core:-none}"
    same "the core file of a program that aborted: status 0" 0 $?
    has "the core file of a program that aborted is explained" "$core: 2 refusals, 2 of them NULL" \
      "  exhaustion  huge    HAKMEM_LIMIT                 1" \
      "  overflow    huge    impossible                   1"
    grep -q "^    $work/refused+0x" out && found=refused || found="nothing of it"
    same "its callers are named by module" refused "$found"
    if type -P python3 >/dev/null; then
      python3 "$here/cores.py" "$hakmem" "$core" "$work" || failures=$((failures + 1))
    else
      skip "a core file cut at every 512 bytes: the whole answer, or one line" "python3"
    fi
    cp "$preloaded" copy.so
    cp "$(type -P true)" "$preloaded"
    expect "a core file whose library was replaced is refused" 1 "" \
      "hakmem: explain: $core: its libhakmem.so is gone or replaced (HAKMEM_LIBRARY may name a \
copy): $preloaded" "$hakmem" explain "$core"
    mv copy.so "$preloaded"
    ;;
esac

# --- a log ---

{
  echo "a line of the program's own"
  sed 's/^/Jan 01 12:00:00 host program[12]: /' whole
  echo "[ACE-FAIL] MapFail tier=huge size="
  printf 'binary \0\377\033[31m, and no end of line'
} >mixed
explained mixed
same "a log: its lines are found among others, damaged ones are counted" \
  "0 hakmem: explain: mixed: left out as damaged: 1" "$? $(cat err)"
sed -i 's/^  Called from:$//; /^    /d; /^$/d' first out
same "a log says what the process said, but for callers and alignment" \
  "$(sed '1d; s/ at a multiple of 4194304//' first)" "$(sed 1d out)"
worded=$(sed -E 's/^\[ACE-FAIL\] ([A-Za-z]*)/\L\1/' whole)
explained --all mixed
same "a log, --all: the lines as they were" "$worded" "$(cat out)"
line="[ACE-FAIL] MapFail tier=huge size=5 class=0 wmax=1.30 next=none thread=7 bytes=4096 errno=12"
cgroup='verdict=cgroup-memory limit=10 use=9 mend="raise /a b/memory.max to 4105 or more"'
echo "$line $cgroup suppressed=5" >one
explained one
has "a log: what was suppressed counts" "one: 6 refusals, 6 of them NULL" \
  "  mapfail     huge    cgroup-memory                1" \
  "  mapfail     huge    -                            5" \
  "  To mend it: raise /a b/memory.max to 4105 or more."
sed 's/$/  /; s/^/server-1  | /' whole >collected
explained --all collected
same "a log as a collector keeps it: words before each line, blanks behind" "$worded" \
  "$(cat out)$(cat err)"
sed 's/$/\r/' whole >crlf
explained --all crlf
same "a log whose lines end in CR LF" "$worded" "$(cat out)$(cat err)"
echo "${line/1.30/1000.00}" >one
explained one
has "a log: the largest W_MAX that is accepted" "one: 1 refusal, 1 of them NULL"
echo "$line verdict=none note=\"no limit that hakmem knows was reached\"" >one
explained one
has "a log: a verdict that found no limit" "  Why: no limit that hakmem knows was reached."
for wrong in "${line/huge/vast}" "${line/none/nowhere}" "${line/size=5/size=-5}" "$line more" \
  "$line suppressed=5 more" \
  "${line/size=5/size=99999999999999999999}" "${line/1.30/1001.00}" \
  "$line verdict=RLIMIT_AS limit=1" "${line/1.30/1.3}" \
  "$line verdict=RLIMIT_AS limit=1 use=1 mend=\"no end"; do
  echo "$wrong" >one
  expect "a log with the wrong line '${wrong#*] }': status 1" 1 \
    "one: no sound record of a refusal" \
    "hakmem: explain: one: left out as damaged: 1" "$hakmem" explain one
done
echo "nothing of interest" >plain
expect "a log without refusals: status 1" 1 "plain: $none" "" "$hakmem" explain plain
expect "the same with --all" 1 "plain: $none" "" "$hakmem" explain --all plain

# --- what is neither ---

: >empty
mkfifo fifo
ln -s none dangling
printf '\177ELF' >short
for case in "empty it is empty, or cannot be read" "fifo it is no regular file: save it to one" \
  ". it is a directory" "/dev/null it is no regular file: save it to one" \
  "none No such file or directory" "dangling No such file or directory" \
  "short this core file is cut short" \
  "refused it is a program or library, and no core file"; do
  expect "'${case%% *}' is refused in one line" 1 "" \
    "hakmem: explain: ${case%% *}: ${case#* }" timeout 10 "$hakmem" explain "${case%% *}"
done

see="(hakmem explain --help)"
refused "a word is missing" "hakmem: explain: a process, core file or log is missing $see" explain
refused "an unknown word is refused" "hakmem: explain: unknown word --each $see" explain --each 1
refused "an empty word is refused" "hakmem: explain: unknown word  $see" explain ""
refused "two are refused" "hakmem: explain: one at a time, and not also b $see" explain a b
explained --help
same "--help prints its usage" "0 usage: hakmem explain [--all] PID|CORE|FILE" \
  "$? $(head -n 1 out)"
"$hakmem" explain mixed >/dev/full 2>err
same "it reports that its output cannot be written" \
  "125 hakmem: cannot write: No space left on device" "$? $(head -n 1 err)"
finish
