#!/bin/bash
# scaling: how rarely each pattern writes to memory that threads share.
#
# Counts of the library that `make counting` builds, of a short form of each pattern; they vary a
# little with how threads meet, so they are compared with the bar (bench/lab/shared.py), not with
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
status=0
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
measured=$(python3 bench/shared --bar 2>&1) || status=$?
if ((status)); then
  fail "$what" "${measured##*$'\n'}"
  exit 1
fi
while read -r name threads figure bar; do
  case $name in
    missing) skip "${threads%:} is counted" "$figure $bar" ;;
    *) judge "$name" "$threads" "$figure" "$bar" ;;
  esac
done <<<"$measured"
exit "$failed"
