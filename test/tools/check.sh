#!/bin/bash
# tools/check on little trees of tests that pass, fail, crash, hang, leave children or say nothing.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0
unset HAK_BUILD HAK_LIB

# tell STATUS PROMISE: the promise holds when STATUS, of the test before it, is 0.
tell() {
  if [ "$1" -eq 0 ]; then
    echo "pass: runner $2"
  else
    echo "FAIL: runner $2: status $status: $(tail -n 12 <<<"$out" | tr '\n' '|')"
    failed=1
  fi
}

# A new tree that holds only the runner.
tree() {
  rm -rf "$tmp/tree"
  mkdir -p "$tmp/tree/tools" "$tmp/tree/test/box" "$tmp/tree/build/test/box"
  cp "$here/tools/check" "$tmp/tree/tools/check"
}

# script NAME BODY: a script of the tree; program NAME BODY: one in the place of built programs.
script() { printf '%s\n' "$2" >"$tmp/tree/test/box/$1.sh"; }
program() {
  printf '#!/bin/bash\n%s\n' "$2" >"$tmp/tree/build/test/box/$1"
  chmod +x "$tmp/tree/build/test/box/$1"
}

run() {
  out=$(cd / && "$tmp/tree/tools/check" "$@" 2>&1 <<<"typed")
  status=$?
  last=$(tail -n 1 <<<"$out")
}

# ends PASSED FAILED SKIPPED STATUS: the closing line and the exit status are these.
ends() { [ "$last" = "$1 passed, $2 failed, $3 skipped" ] && [ $status = "$4" ]; }
# Has the process PID ended within a second? A zombie has: it waits only for a parent to look.
gone() {
  local i
  for i in 1 2 3 4 5 6 7 8 9 10; do
    grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" || return 0
    sleep 0.1
  done
  return 1
}
shows() { grep -qF -- "$1" <<<"$out"; }

tree
run
ends 0 0 0 1
tell $? "fails when there is nothing to run"

tree
script good 'echo "pass: a"; echo "passing by"; echo " pass: b"; echo "pass: c"'
program good 'echo "pass: d"; echo "skip: e: no redis"; echo "pass: noise" >&2'
run
ends 3 0 1 0
tell $? "counts pass and skip lines of scripts and programs"
shows "skip: e: no redis" && ! shows "pass: a"
tell $? "shows skip lines and no pass lines"

script bad 'echo "pass: f"; echo "FAIL: g: saw 1 | 2"; echo "  at place h"; echo "  and i"; exit 1'
run
ends 4 1 1 1 && shows "FAIL: g: saw 1 | 2" && shows "at place h" && shows "and i"
tell $? "shows a FAIL line in full, with the lines that belong to it"

tree
script good 'echo "pass: a"'
program crash 'echo "pass: b"; echo "last words" >&2; kill -SEGV $$'
run
ends 2 1 0 1 && shows SIGSEGV && shows "last words"
tell $? "counts a crash as a failure and shows the last words"

tree
script odd 'echo "pass: a"; exit 77'
run
ends 1 1 0 1 && shows "status 77"
tell $? "counts an odd status as a failure"

tree
script sly 'echo "pass: a"; exit 1'
run
ends 1 1 0 1 && shows "no FAIL line"
tell $? "counts status 1 without a FAIL line as a failure"

tree
script liar 'echo "pass: a"; echo "FAIL: b: x"; exit 0'
run
ends 1 1 0 1
tell $? "counts a FAIL line whatever the status"

tree
script silent 'echo "all is well"'
run
ends 0 1 0 1 && shows "all is well"
tell $? "counts a silent test as a failure"

tree
script skips 'echo "skip: a: no node"'
run
ends 0 0 1 1 && shows "nothing ran"
tell $? "fails when every test was skipped"

tree
script hang 'echo "pass: a"; trap "" TERM; sleep 300 & echo $! >"'"$tmp"'/child"; wait; sleep 300'
echo 'box/hang.sh 0.5' >"$tmp/tree/test/timeouts"
start=$SECONDS
run
ends 1 1 0 1 && shows "timed out after 0.5 s" && [ $((SECONDS - start)) -lt 30 ]
tell $? "ends a hanging test at its time-out"
gone "$(cat "$tmp/child")"
tell $? "ends the children of a hanging test"

tree
script leaves 'sleep 300 >/dev/null & echo $! >"'"$tmp"'/child"; echo "pass: a"'
run
ends 1 0 0 0 && gone "$(cat "$tmp/child")"
tell $? "leaves no process behind that a test left"

tree
script one 'echo "pass: one"'
script two 'echo "pass: two"; echo "pass: three"'
run two
ends 2 0 0 0
tell $? "runs only what matches the pattern"
run nothing
ends 0 0 0 1
tell $? "fails when the pattern matches nothing"
run --list
[ $status = 0 ] && shows box/one.sh && shows box/two.sh && ! shows passed
tell $? "lists the tests and runs none"
run --also 'extra=echo "pass: four"; echo "pass: a=b"'
ends 5 0 0 0 && shows extra
tell $? "runs an extra command"
run --also extra
[ $status = 2 ]
tell $? "refuses an extra test without a command"
run --bad-word
[ $status = 2 ]
tell $? "refuses an unknown option"

tree
script quiet 'sleep 0.3; [ ! -e "'"$tmp"'/busy" ] || exit 1; echo "pass: nobody else runs"'
script busy1 'touch "'"$tmp"'/busy"; sleep 1; rm "'"$tmp"'/busy"; echo "pass: x"'
echo 'box/quiet.sh   # needs the machine' >"$tmp/tree/test/alone"
run --jobs 4
ends 2 0 0 0 && [ "$(grep -o 'box/[a-z]*' <<<"$out" | tail -n 1)" = box/quiet ]
tell $? "runs a lonely test alone and last"
rm "$tmp/tree/test/alone"
run --jobs 4
ends 1 1 0 1
tell $? "runs other tests side by side"
echo 'box/quiet.sh soon' >"$tmp/tree/test/timeouts"
run
[ $status = 2 ] && shows "test/timeouts:1"
tell $? "refuses a time-out that is no number"

echo 'box/gone' >"$tmp/tree/test/alone"
rm "$tmp/tree/test/timeouts"
run --list
shows "test/alone:1: no test is named box/gone"
tell $? "tells when a test that should run alone is gone"

tree
script env 'case $HAK_BUILD in /*/tree/build) echo "pass: b" ;; esac
  case $HAK_LIB in /*/tree/build/libhakmem.so) echo "pass: l" ;; esac
  [ "$PWD" -ef "'"$tmp"'/tree" ] && echo "pass: d"
  read -r line || echo "pass: i"
  [ -z "${MAKEFLAGS+x}" ] && echo "pass: m"'
MAKEFLAGS=j run
ends 5 0 0 0
tell $? "gives a test its folder, its library, no input and no make above it"
HAK_BUILD=build run
ends 5 0 0 0 && [ -s "$tmp/tree/build/test-logs/box-env.sh.log" ]
tell $? "takes a build folder relative to the tree, and keeps the logs there"

tree
script lib 'echo "FAIL: a: not a test"'
script _part 'echo "FAIL: a: not a test"'
mkdir "$tmp/tree/test/box/parts" "$tmp/tree/build/test/box/helpers"
cp "$tmp/tree/test/box/lib.sh" "$tmp/tree/test/box/parts/x.sh"
program helpers/x 'echo "FAIL: a: not a test"'
program x.so 'echo "FAIL: a: not a test"'
program good 'echo "pass: a"'
run
ends 1 0 0 0
tell $? "runs no part of a test"

tree
program binary 'printf "pass: \377\376\014\n\0\001\npass: without newline"'
run
ends 2 0 0 0
tell $? "reads output that is no text"

exit $failed
