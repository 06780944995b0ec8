# lines - what the scripts of this directory share: promises as lines, and programs that print them.
# Sourced by bash, from a script that lies in test/api.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
build=${HAK_BUILD:-$root/build}
library=${HAK_LIB:-$build/libhakmem.so}
compiler=${CC:-cc}
parts=$root/test/api/parts
seconds=${HAK_TEST_SECONDS:-240} # a program that runs longer hangs
failures=0

pass() { echo "pass: $1"; }

fail() {
  echo "FAIL: $1: $2"
  failures=$((failures + 1))
}

# run_program VARIANT NAME COMMAND...: runs a test program and echoes its lines with VARIANT in the
# promise. A signal, a hang, a wrong status and a last promise that never came are failures.
run_program() {
  local variant=$1 name=$2 output status
  shift 2
  output=$(timeout -k 5 "$seconds" "$@")
  status=$?
  [ -z "$output" ] || sed -E "s/^(pass|FAIL|skip): /\1: $variant: /" <<<"$output"
  failures=$((failures + $(grep -c '^FAIL: ' <<<"$output")))
  if [ $status -eq 124 ] || [ $status -eq 137 ]; then
    fail "$variant: $name ends by itself" "it did not end within $seconds s"
  elif [ $status -gt 128 ]; then
    fail "$variant: $name ends by itself" "killed by signal $((status - 128))"
  elif [ $status -gt 1 ]; then
    fail "$variant: $name ends by itself" "status $status"
  elif [ $status -eq 1 ] && ! grep -q '^FAIL: ' <<<"$output"; then
    fail "$variant: $name says what fails" "status 1 without a FAIL line"
  elif ! grep -Eq '^(pass|FAIL|skip): the invariants hold afterwards' <<<"$output"; then
    fail "$variant: $name reaches its end" "its last promise is missing"
  fi
}

# compile OUTPUT ARGUMENT...: builds a helper program or library for one test.
compile() {
  local output=$1
  shift
  "$compiler" -std=c11 -O2 -Wall -Wextra -o "$output" "$@"
}

# workspace: a directory of the script's own, removed when it ends.
workspace() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
}

finish() { exit $((failures > 0)); }
