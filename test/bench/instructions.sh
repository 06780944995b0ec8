#!/bin/bash
# instructions: how many each path of the allocator takes, counted by callgrind, net of the loop.
#
# Counts do not depend on the machine's load, so unlike a timing they may be a test. They do depend
# on the compiler: the golden figures count for the compiler they were taken with only.
#
# Environment: HAK_GOLDEN  the file of golden figures, default test/bench/golden
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
export LC_ALL=C HAK_BUILD=${HAK_BUILD:-$PWD/build}
export HAK_LIB=${HAK_LIB:-$HAK_BUILD/libhakmem.so}
unset "${!HAKMEM_@}" # a mode that was set for this shell would be counted
golden=${HAK_GOLDEN:-test/bench/golden}
most=44 # instructions per pair
all="the instructions of every path can be counted"
few="16 64 256 1000"
contested="$few 1280 3000"
. test/bench/lib.sh
status=0
declare -A figure
declare -A missing

# more A B: is the decimal number A above B?
more() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'; }

# Reads what bench/golden --measure printed into figure[ALLOCATOR SIZE], figure[budget NAME],
# missing[NAME] and compiler.
read_figures() {
  local name rest
  while read -r name rest; do
    case $name in
      compiler) compiler=$rest ;;
      missing) missing[${rest%%:*}]=${rest#*: } ;;
      *) figure[$name ${rest% *}]=${rest#* } ;;
    esac
  done <<<"$1"
}

# at_most SIZE: the promise about hakmem alone.
at_most() {
  local what="a malloc/free pair of $1 bytes takes at most $most instructions" seen
  seen=${figure[hakmem $1]-}
  if [[ -z $seen ]]; then
    fail "$what" "it was not counted"
  elif more "$seen" "$most"; then
    fail "$what" "$seen"
  else
    pass "$what"
    echo "# $seen"
  fi
}

# fewer_than NAME: the promise about one competitor, at every contested size.
fewer_than() {
  local what="a pair takes fewer instructions than $1's, up to 3,000 bytes" size ours theirs
  local seen="" lost=""
  if [[ -n ${missing[$1]-} ]]; then
    skip "$what" "${missing[$1]}"
    return
  fi
  for size in $contested; do
    ours=${figure[hakmem $size]-}
    theirs=${figure[$1 $size]-}
    seen+=" $size: $ours, $theirs;"
    [[ -n $ours && -n $theirs ]] && more "$theirs" "$ours" || lost+=" $size: $ours, $theirs;"
  done
  if [[ -n $lost ]]; then fail "$what" "size: ours, theirs:$lost"; else pass "$what"; fi
  echo "# size: ours, theirs:$seen"
}

# judge NAME GOLDEN TOLERANCE: one path's promise. A figure that fell asks for a new golden one.
judge() {
  local what="$1 takes no more instructions than its golden figure" ours=${figure[budget $1]-}
  [[ $1 == pairs-* ]] && ours=${figure[hakmem ${1#pairs-}]-}
  if [[ -z $ours ]]; then
    fail "$what" "it was not counted"
  elif more "$ours" "$(awk -v a="$2" -v b="$3" 'BEGIN { print a + b }')"; then
    fail "$what" "ours $ours, golden $2, $(awk -v a="$ours" -v b="$2" \
      'BEGIN { printf "%.2f", a - b }') more"
  else
    pass "$what"
    more "$2" "$ours" &&
      echo "# $1 fell from $2 to $ours: lower its golden figure (bench/golden --update)"
  fi
}

# all_named: does the golden file name every figure that was counted?
all_named() {
  local what="every path that is counted has a golden figure" key name lost=""
  for key in "${!figure[@]}"; do
    case $key in
      "hakmem "*) name=pairs-${key#* } ;;
      "budget "*) name=${key#* } ;;
      *) continue ;;
    esac
    grep -q "^$name " "$golden" || lost+=" $name"
  done
  if [[ -n $lost ]]; then fail "$what" "not in $golden:$lost"; else pass "$what"; fi
}

compare_golden() {
  local what="no path takes more instructions than its golden figure" name want slack
  if [[ ! -f $golden ]]; then
    skip "$what" "there is no $golden; bench/golden --update writes it"
    return
  fi
  want=$(sed -n 's/^compiler //p' "$golden")
  if [[ $want != "$compiler" ]]; then
    skip "$what" "the figures were taken with $want, this library is of $compiler"
    return
  fi
  all_named
  while read -r name want slack; do
    [[ $name == "#" || $name == compiler ]] || judge "$name" "$want" "$slack"
  done <"$golden"
}

for tool in valgrind python3; do
  type -P "$tool" >/dev/null && continue
  skip "$all" "no $tool on this machine (Debian package $tool)"
  exit 0
done
if [[ ! -f $HAK_LIB ]]; then
  fail "$all" "there is no $HAK_LIB"
  exit 1
fi
measured=$(python3 bench/golden --measure 2>&1) || status=$?
if ((status)); then
  fail "$all" "${measured##*$'\n'}"
  exit 1
fi
read_figures "$measured"
for size in $few; do at_most "$size"; done
for name in glibc jemalloc mimalloc tcmalloc tbb; do fewer_than "$name"; done
compare_golden
exit "$failed"
