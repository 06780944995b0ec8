#!/bin/bash
# .ci/run in a tree whose Makefile is made up: its last line and its status are the runner's.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0
mkdir "$tmp/.ci" && cp "$here/.ci/run" "$tmp/.ci/run"

# expect PROMISE STATUS LAST RECIPE: with RECIPE as `make check`, run ends so.
expect() {
  local out status
  printf 'check:\n\t@%s\n' "$4" >"$tmp/Makefile"
  out=$(cd / && MAKEFLAGS='' "$tmp/.ci/run" 2>&1 <<<"typed")
  status=$?
  if [ $status = "$2" ] && [ "$(tail -n 1 <<<"$out")" = "$3" ]; then
    echo "pass: ci $1"
  else
    echo "FAIL: ci $1: status $status, $(tr '\n' '|' <<<"$out")"
    failed=1
  fi
}

expect "passes what the runner passed" 0 "3 passed, 0 failed, 1 skipped" \
  'echo noise; echo "3 passed, 0 failed, 1 skipped"'
expect "fails when the runner failed, with its line last" 1 "3 passed, 2 failed, 0 skipped" \
  'echo "3 passed, 2 failed, 0 skipped"; exit 1'
expect "keeps the closing line last whatever make says after it" 0 "1 passed, 0 failed, 0 skipped" \
  'echo "1 passed, 0 failed, 0 skipped"; echo noise'
expect "counts a build that fails as a failure" 1 "0 passed, 1 failed, 0 skipped" 'false'
expect "does not pass when no test was counted" 1 "0 passed, 1 failed, 0 skipped" 'true'
expect "gives the tests no input" 0 "1 passed, 0 failed, 0 skipped" \
  'read line || echo "1 passed, 0 failed, 0 skipped"'
exit $failed
