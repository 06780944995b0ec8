#!/bin/bash
# scaling: how rarely each pattern writes to memory that threads share.
#
# Counts of the library that `make counting` builds, of a short form of each pattern; they vary
# with how threads meet, so they are compared with the bar (bench/lab/shared.py), not with
# figures of their own. What misses the bar has a ceiling in test/bench/above_bar, which nothing may
# pass and which falls when the code gets better.
#
# Environment: HAK_COUNTING  the counting library, default build/counting/libhakmem.so
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
export LC_ALL=C HAK_BUILD=${HAK_BUILD:-$PWD/build}
export HAK_COUNTING=${HAK_COUNTING:-$PWD/build/counting/libhakmem.so}
unset "${!HAKMEM_@}"
what="shared writes can be counted"
. test/bench/lib.sh
declare -A ceiling

# below A B: is the decimal number A below B?
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }

# judge PATTERN THREADS FIGURE BAR
judge() {
  local most=${ceiling[$1]-$4} rule="the bar"
  [[ -n ${ceiling[$1]-} ]] && rule="its ceiling"
  local promise="$1, threads: $2: shared writes per operation stay below $rule, $most"
  if below "$3" "$most"; then pass "$promise"; else fail "$promise" "$3"; fi
}

for tool in python3 addr2line:binutils nm:binutils; do
  type -P "${tool%:*}" >/dev/null && continue
  skip "$what" "no ${tool%:*} on this machine (Debian package ${tool#*:})"
  exit 0
done
if [[ ! -f $HAK_COUNTING ]]; then
  skip "$what" "there is no $HAK_COUNTING (make counting)"
  exit 0
fi
while read -r name most; do
  [[ -z $name || $name == "#" ]] || ceiling[$name]=$most
done <test/bench/above_bar
# count: the least of each figure so far, in `measured`.
count() {
  local again
  again=$(python3 bench/shared --bar 2>&1) || { measured=$again && return 1; }
  measured=$(printf '%s\n' "$measured" "$again" | awk '
    NF < 4 { next }
    $1 == "missing" { if (!seen[$0]++) print; next }
    !(($1, $2) in least) || $3 < least[$1, $2] { least[$1, $2] = $3 }
    { bar[$1, $2] = $4 }
    END {
      for (key in least) {
        split(key, part, SUBSEP)
        print part[1], part[2], least[key], bar[key]
      }
    }' |
    sort -k1,1 -k2,2n)
}

# above: is a figure above what it may be?
above() {
  local name threads figure bar
  while read -r name threads figure bar; do
    [[ $name == missing ]] || below "$figure" "${ceiling[$name]-$bar}" || return 0
  done <<<"$measured"
  return 1
}

# What threads do at the same moment is chance, and worse on a busy machine: only what is above in
# each of three counts is.
measured=""
for _ in 1 2 3; do
  if ! count; then
    fail "$what" "${measured##*$'\n'}"
    exit 1
  fi
  above || break
done
while read -r name threads figure bar; do
  case $name in
    missing) skip "${threads%:} is counted" "$figure $bar" ;;
    *) judge "$name" "$threads" "$figure" "$bar" ;;
  esac
done <<<"$measured"
exit "$failed"
