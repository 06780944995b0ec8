#!/bin/bash
# library - the places where the command finds libhakmem.so, and what stays in LD_PRELOAD.
source "$(dirname "$0")/parts/lines.sh"
multiarch=$(uname -m)-linux-gnu
# shellcheck disable=SC2016 # the program that is run expands it
show='echo "$LD_PRELOAD"'

# tree NAME PLACE...: a tree with the command in bin and the library in each PLACE.
tree() {
  local top=$work/$1 place
  shift
  mkdir -p "$top/bin"
  cp "$built" "$top/bin/hakmem"
  for place; do
    mkdir -p "$top/$place"
    cp "$library" "$top/$place/libhakmem.so"
  done
}

# found PROMISE PATH COMMAND: COMMAND preloads PATH, and its program is served.
found() {
  local banner=missing
  "$3" run --set VERBOSE=1 -- sh -c "$show" >"$work/out" 2>"$work/err"
  one_banner "$work/err" sh && banner=served
  same "$1" "$2 served" "$(cat "$work/out") $banner"
}

tree beside bin
found "beside the command" "$work/beside/bin/libhakmem.so" "$work/beside/bin/hakmem"
tree lib lib
found "in ../lib" "$work/lib/bin/../lib/libhakmem.so" "$work/lib/bin/hakmem"
tree multi "lib/$multiarch"
found "in ../lib/MACHINE-linux-gnu" "$work/multi/bin/../lib/$multiarch/libhakmem.so" \
  "$work/multi/bin/hakmem"
tree sixty-four lib64
found "in ../lib64" "$work/sixty-four/bin/../lib64/libhakmem.so" "$work/sixty-four/bin/hakmem"
tree all bin lib "lib/$multiarch"
found "beside the command before elsewhere" "$work/all/bin/libhakmem.so" "$work/all/bin/hakmem"
tree both lib "lib/$multiarch"
found "in ../lib before its subdirectory" "$work/both/bin/../lib/libhakmem.so" \
  "$work/both/bin/hakmem"
ln -s "$work/beside/bin/hakmem" "$work/link"
found "beside the command's own file when it is called by a link" \
  "$work/beside/bin/libhakmem.so" "$work/link"

tree none
expect "no library anywhere is status 125 and one line" 125 "" \
  "hakmem: run: no libhakmem.so in $work/none/bin, its ../lib, ../lib/$multiarch/ or ../lib64: \
set HAKMEM_LIBRARY to it" "$work/none/bin/hakmem" run -- echo ran
mkdir "$work/none/lib"
echo "no library" >"$work/none/lib/libhakmem.so"
expect "a text of the library's name is not taken for it" 125 "" \
  "hakmem: run: no libhakmem.so in $work/none/bin, its ../lib, ../lib/$multiarch/ or ../lib64: \
set HAKMEM_LIBRARY to it" "$work/none/bin/hakmem" run -- echo ran

cp "$library" "$work/other.so"
export HAKMEM_LIBRARY=$work/other.so
found "where HAKMEM_LIBRARY says, before all other places" "$work/other.so" \
  "$work/all/bin/hakmem"
expect "HAKMEM_LIBRARY does not reach the program" 0 "" "" \
  "$hakmem" run -- sh -c "env | grep '^HAKMEM_'; true"
cd "$work" || exit 1
HAKMEM_LIBRARY=other.so found "a relative HAKMEM_LIBRARY becomes absolute" "$work/other.so" \
  "$hakmem"
HAKMEM_LIBRARY='' found "an empty HAKMEM_LIBRARY is none" "$preloaded" "$hakmem"
for name in /nowhere/libhakmem.so "$work" "$work/none/lib/libhakmem.so" /bin/sh; do
  HAKMEM_LIBRARY=$name expect "HAKMEM_LIBRARY=${name#"$work/"} is refused" 125 "" \
    "hakmem: run: HAKMEM_LIBRARY=$name is no shared library that can be read" \
    "$hakmem" run -- echo ran
done
unset HAKMEM_LIBRARY

tree "a blank" bin
expect "a path that LD_PRELOAD cannot hold is refused" 125 "" \
  "hakmem: run: LD_PRELOAD cannot hold a path with a blank or a colon: \
$work/a blank/bin/libhakmem.so (set HAKMEM_LIBRARY to a link without)" \
  "$work/a blank/bin/hakmem" run -- echo ran
ln -s "$work/a blank/bin/libhakmem.so" "$work/straight.so"
HAKMEM_LIBRARY=$work/straight.so found "a link without a blank helps" "$work/straight.so" \
  "$work/a blank/bin/hakmem"

expect "what LD_PRELOAD held stays, behind the library" 0 "$preloaded:$work/other.so:libm.so.6" \
  "" env LD_PRELOAD="$work/other.so:libm.so.6" "$hakmem" run -- sh -c "$show"
expect "an empty LD_PRELOAD leaves no empty entry" 0 "$preloaded" "" \
  env LD_PRELOAD= "$hakmem" run -- sh -c "$show"
finish
