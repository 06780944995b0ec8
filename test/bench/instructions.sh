#!/bin/bash
# instructions: how many a malloc/free pair takes, counted by callgrind, net of the calling loop.
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
few="16 64 256 1000"
contested="$few 1280 3000"
failed=0
status=0
declare -A figure
declare -A missing

pass() { printf 'pass: %s\n' "$1"; }
skip() { printf 'skip: %s: %s\n' "$1" "$2"; }
fail() {
  printf 'FAIL: %s: %s\n' "$1" "$2"
  failed=1
}

# more A B: is the decimal number A above B?
more() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'; }

# Reads what bench/golden --measure printed into figure[ALLOCATOR SIZE], missing[NAME], compiler.
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

# compare_golden: no figure may rise; one that fell asks for a new golden figure.
compare_golden() {
  local what="no instruction count is above its golden figure" name want slack ours worse=""
  if [[ ! -f $golden ]]; then
    skip "$what" "there is no $golden; bench/golden --update writes it"
    return
  fi
  want=$(sed -n 's/^compiler //p' "$golden")
  if [[ $want != "$compiler" ]]; then
    skip "$what" "the figures were taken with $want, this library is of $compiler"
    return
  fi
  while read -r name want slack; do
    [[ $name == pairs-* ]] || continue
    ours=${figure[hakmem ${name#pairs-}]-}
    if [[ -z $ours ]]; then
      worse+=" $name was not counted;"
    elif more "$ours" "$(awk -v a="$want" -v b="$slack" 'BEGIN { print a + b }')"; then
      worse+=" $name $ours, golden $want, $(awk -v a="$ours" -v b="$want" \
        'BEGIN { printf "%.2f", a - b }') more;"
    elif more "$want" "$ours"; then
      echo "# $name fell from $want to $ours: lower its golden figure (bench/golden --update)"
    fi
  done <"$golden"
  if [[ -n $worse ]]; then fail "$what" "$worse"; else pass "$what"; fi
}

for tool in valgrind python3; do
  type -P "$tool" >/dev/null && continue
  skip "instructions of a malloc/free pair" "no $tool on this machine (Debian package $tool)"
  exit 0
done
if [[ ! -f $HAK_LIB ]]; then
  fail "instructions of a malloc/free pair can be counted" "there is no $HAK_LIB"
  exit 1
fi
measured=$(python3 bench/golden --measure 2>&1) || status=$?
if ((status)); then
  fail "instructions of a malloc/free pair can be counted" "${measured##*$'\n'}"
  exit 1
fi
read_figures "$measured"
for size in $few; do at_most "$size"; done
for name in glibc jemalloc mimalloc tcmalloc tbb; do fewer_than "$name"; done
compare_golden
exit "$failed"
