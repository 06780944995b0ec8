#!/bin/bash
# all - runs every program of test/api in both its builds: bound to hakmem by LD_PRELOAD
# ($HAK_BUILD/api-bin), and linked with libhakmem.a ($HAK_BUILD/api-static).
# Arguments: names of programs; without any, all of them.
source "$(dirname "$0")/parts/lines.sh"

# expected: the names of the programs that must have been built.
expected() {
  if [ $# -gt 0 ]; then
    printf '%s\n' "$@"
    return
  fi
  (cd "$root/test/api" && ls -- *.c *.cc) | sed -E 's/\.cc?$//'
}

for name in $(expected "$@"); do
  program=$build/api-bin/$name
  if [ -x "$program" ]; then
    run_program preload "$name" env LD_PRELOAD="$library" "$program"
  else
    fail "preload: $name is built" "there is no $program"
  fi
  program=$build/api-static/$name
  if [ -x "$program" ]; then
    run_program static "$name" "$program"
  else
    fail "static: $name is built" "there is no $program"
  fi
done
finish
