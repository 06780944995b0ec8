# lines - what the scripts of this directory share. Sourced by bash, from a script in test/cmd.
#
# Environment: HAK_CMD  the command to test, default $HAK_BUILD/hakmem
#              HAK_LIB  the library it is to find, default $HAK_BUILD/libhakmem.so
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
build=${HAK_BUILD:-$root/build}
library=$(readlink -m "${HAK_LIB:-$build/libhakmem.so}")
built=$(readlink -m "${HAK_CMD:-$build/hakmem}")
failures=0

# Nothing of the user's own settings may reach a promise.
export LC_ALL=C
unset LD_PRELOAD
for name in $(compgen -e HAKMEM_); do unset "$name"; done

pass() { echo "pass: $1"; }
skip() { echo "skip: $1: $2"; }

fail() {
  echo "FAIL: $1: $2"
  failures=$((failures + 1))
}

finish() { exit $((failures > 0)); }

for file in "$built" "$library"; do
  [ -f "$file" ] && continue
  fail "the command and its library are built" "there is no $file"
  finish
done

# The tree under test: the command and its library in one directory without blanks.
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-cmd.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
work=$(cd "$work" && pwd -P)
cp "$built" "$library" "$work/"
hakmem=$work/hakmem
preloaded=$work/$(basename "$library")

# same PROMISE EXPECTED FOUND
same() {
  if [ "$2" = "$3" ]; then
    pass "$1"
  else
    fail "$1" "expected '$2', found '$(head -c 600 <<<"$3" | tr '\n' '|')'"
  fi
}

# expect PROMISE STATUS STDOUT STDERR COMMAND...: all three are compared exactly.
expect() {
  local promise=$1 wanted="status $2, stdout: $3, stderr: $4" status
  shift 4
  "$@" >"$work/out" 2>"$work/err" </dev/null
  status=$?
  same "$promise" "$wanted" "status $status, stdout: $(cat "$work/out"), stderr: $(cat "$work/err")"
}

# refused PROMISE LINE WORD...: the command says LINE on stderr, nothing else, and ends with 2.
refused() {
  local promise=$1 line=$2
  shift 2
  expect "$promise" 2 "" "$line" "$hakmem" "$@"
}

# has_option NAME: is it in the table of this build?
has_option() { "$hakmem" env 2>/dev/null | grep -q "^$1 "; }

# one_banner FILE PROGRAM: FILE holds hakmem's line at start for PROGRAM, once.
one_banner() { [ "$(grep -Ec "^hakmem [0-9.]+: pid [0-9]+ $2, " "$1")" = 1 ]; }
