#!/bin/bash
# patterns: every benchmark program works, proves who served it, and notices a broken allocator.
#
# Each runs for some milliseconds, under hakmem and under libc's malloc: it must end with status 0
# and print all the lines that its rows of bench/lab/rows.py read. How fast it was is no test. Then
# each that checks its blocks runs with input/overlapping.c preloaded, which hands out blocks that
# overlap, and must end with status 1 and say which block was corrupted.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
export LC_ALL=C HAK_BUILD=${HAK_BUILD:-$root/build}
export HAK_LIB=${HAK_LIB:-$HAK_BUILD/libhakmem.so}
unset "${!HAKMEM_@}" LD_PRELOAD
cc=${CC:-cc}
. "$here/lib.sh"

# What is run: a program of bench/ and arguments for a tiny run of it.
runs="empty report
pairs 16 8 100
budget refill 2
random_mixed 20000 500 16 1024 1
curve 20000 500 16 128
larson 20000 3 8 1000 100 4
exchange 6400 1 1 16 512
exchange 6400 3 3 16 512
oneway 20000
batch 500 4 16 256 same
batch 500 4 16 256 reverse
batch 500 4 16 256 random
pareto 20000 500
sharing 200 2 8 100 active
sharing 200 2 8 100 passive
lifetimes 40000 3
threads 40 4 16
large 40 8 touch
large 40 8 leave
grow 5000 8 4096 strings
grow 500 8 65536 vectors
zeroed 5000 100 16 1024 8
zeroed 50 8 65536 1000000 4096
aligned 5000 100 16 2048
phases 8 256 16
scaling 20000 1 2 1
freed 5000 24 64"
# Not a benchmark: the driver, and what has no figure of its own.
drivers="spawn null_malloc"
# These hold nothing that could be corrupted: one block at most, or one that only a race touches.
unchecked="empty pairs budget sharing-active"

# has WORDS WORD
has() { [[ " $1 " == *" $2 "* ]]; }

# Fills wanted[PROGRAM] with the lines that its rows read, and says what is wrong with the rows.
read_rows() {
  local program lines
  while read -r program lines; do
    if [[ $program == wrong ]]; then
      rows_wrong+="$lines; "
    else
      wanted[$program]+=" $lines"
    fi
  done < <(python3 "$here/wanted.py" || echo "wrong bench/lab/rows.py cannot be read")
}

# listed: the lines of bench/run --list that are no name with a question.
listed() {
  local list
  list=$(python3 -B "$root/bench/run" --list 2>&1)
  grep -vE '^[^ ]+ +[^ ].*\?$' <<<"$list"
}

# unread: what bench/run --list says on stderr when nobody reads the rows.
unread() { { python3 -B "$root/bench/run" --list 2>&3 | true; } 3>&1; }

# every_program_runs: is each program of bench/ in the list of runs?
every_program_runs() {
  local source name
  for source in "$root"/bench/*.c; do
    name=$(basename "$source" .c)
    has "$drivers" "$name" || grep -q "^$name " <<<"$runs" || printf '%s is not run; ' "$name"
  done
  for name in "${!wanted[@]}"; do
    [[ -f $root/bench/$name.c ]] || printf 'there is no bench/%s.c; ' "$name"
  done
}

# lacks OUTPUT NAME...: the names of which the output has no line.
lacks() {
  local output=$1 name
  shift
  for name; do
    grep -q "^$name: ." <<<"$output" || printf 'no line %s; ' "$name"
  done
}

# proof LIBRARY OUTPUT: what speaks against the LIBRARY having served; empty is libc's malloc.
proof() {
  local by refilled
  by=$(sed -n 's/^served-by: //p' <<<"$2")
  refilled=$(sed -n 's/^front.blocks_refilled: //p' <<<"$2")
  if [[ -n $1 ]]; then
    [[ $by -ef $1 ]] || printf 'served by %s; ' "$by"
    ((${refilled:-0} > 0)) || printf 'hakmem counted no refilled block; '
  else
    [[ $by == *libc.* || $by == *ld-musl* ]] || printf 'served by %s; ' "$by"
    [[ -z $refilled ]] || printf 'hakmem is in the process; '
  fi
}

# run_program WORDS: what is wrong with this run under hakmem and under libc.
run_program() {
  local library output status words
  read -ra words <<<"$1"
  for library in "$HAK_LIB" ""; do
    status=0
    output=$(LD_PRELOAD=$library timeout 20 "$HAK_BUILD/bench/${words[0]}" "${words[@]:1}" 2>&1) ||
      status=$?
    ((status == 0)) || printf 'status %d: %s; ' "$status" "${output##*$'\n'}"
    # shellcheck disable=SC2086 # a list of words
    lacks "$output" served-by ${wanted[${words[0]}]-}
    proof "$library" "$output"
  done
}

# notices WORDS: does this program not end with status 1 for a corrupted block?
notices() {
  local output status=0 words
  read -ra words <<<"$1"
  output=$(LD_PRELOAD=$broken timeout 20 "$HAK_BUILD/bench/${words[0]}" "${words[@]:1}" 2>&1) ||
    status=$?
  ((status == 1)) || printf 'status %d; ' "$status"
  [[ $output == *"corrupted block"* ]] || printf 'it says: %s' "${output##*$'\n'}"
}

# gives_back: the allocators of bench/run that hold over a third of what 1,500,000 blocks took after
# what bench/bench.h calls for each of them.
gives_back() {
  local name library output live trimmed count=0
  while read -r name library; do
    output=$(LD_PRELOAD=$library timeout 60 "$HAK_BUILD/bench/freed" 1500000 24 64 2>&1)
    live=$(sed -n 's/^rss-live-kib: //p' <<<"$output")
    trimmed=$(sed -n 's/^rss-trimmed-kib: //p' <<<"$output")
    ((live > 60000 && trimmed > 0 && trimmed * 3 < live)) ||
      printf '%s: live %s KiB, then %s; ' "$name" "$live" "$trimmed"
    ((++count))
  done < <(cd "$root/bench" && PEERS='' python3 -Bc 'from lab import allocators
for one in allocators.find()[0]: print(one.name, one.path if one.preload else "")')
  ((count >= 2)) || printf '%d allocators were found' "$count"
}

if ! type -P python3 >/dev/null; then
  skip "the benchmark programs run" "no python3 on this machine (Debian package python3)"
  exit 0
fi
declare -A wanted
rows_wrong=""
read_rows
verdict "each row has a name of its own, a question and a group" "$rows_wrong"
verdict "bench/run --list prints each row with its question" "$(listed)"
verdict "it says nothing more when its reader goes" "$(unread)"
verdict "each benchmark program is run here, and each row has its program" "$(every_program_runs)"
while read -r words; do
  verdict "a tiny run ends well, prints its figures and proves who served: $words" \
    "$(run_program "$words")"
done <<<"$runs"

verdict "each allocator that is here gives freed memory back when the benchmarks ask it to" \
  "$(gives_back)"
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-patterns.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
broken=$work/overlapping.so
if ! "$cc" -O2 -fno-builtin -shared -fPIC -o "$broken" "$here/input/overlapping.c"; then
  fail "an allocator whose blocks overlap is noticed" "$cc refused input/overlapping.c"
  exit 1
fi
while read -r words; do
  has "$unchecked" "${words%% *}" || has "$unchecked" "${words%% *}-${words##* }" ||
    verdict "an allocator whose blocks overlap is noticed: $words" "$(notices "$words")"
done <<<"$runs"
exit "$failed"
