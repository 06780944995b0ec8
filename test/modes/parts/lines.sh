# lines - what the scripts of this directory share. Sourced by bash, from a script in test/modes.
#
# Environment: HAK_BUILD  the build directory, default ./build
#              HAK_LIB    the library under test, default $HAK_BUILD/libhakmem.so
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
parts=$root/test/modes/parts
build=${HAK_BUILD:-$root/build}
library=$(readlink -m "${HAK_LIB:-$build/libhakmem.so}")
compiler=${CC:-gcc}
failures=0

# Nothing of the user's own settings may reach a promise.
export LC_ALL=C
unset LD_PRELOAD
for name in $(compgen -e HAKMEM_); do unset "$name"; done

pass() { echo "pass: $1"; }
skip() { echo "skip: $1: $2"; }

fail() {
  echo "FAIL: $1: $(head -c 600 <<<"$2" | tr '\n' '|')"
  failures=$((failures + 1))
}

finish() { exit $((failures > 0)); }

if [ ! -f "$library" ]; then
  fail "the library is built" "there is no $library"
  finish
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-modes.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

# builds NAME...: each program of parts, into the workspace, or the script ends.
builds() {
  local name
  for name in "$@"; do
    "$compiler" -std=c11 -O2 -g -D_GNU_SOURCE -fno-builtin -Wall -Wextra -I"$root/include" \
      -I"$root/test" -o "$work/$name" "$parts/$name.c" -pthread -ldl && continue
    fail "the program $name is built" "$compiler refuses it"
    finish
  done
}

# on VARIABLE=VALUE... COMMAND...: runs COMMAND on hakmem with these variables. Its stdout goes to
# $work/out, its stderr to $work/err, its status is returned.
on() {
  env "LD_PRELOAD=$library" "$@" >"$work/out" 2>"$work/err" </dev/null
}

out() { cat "$work/out"; }
err() { cat "$work/err"; }

# same PROMISE EXPECTED FOUND
same() {
  if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "expected '$2', found '$3'"; fi
}

# holds PROMISE TEXT PATTERN...: each extended pattern matches a line of TEXT.
holds() {
  local promise=$1 text=$2 pattern
  shift 2
  for pattern in "$@"; do
    grep -Eq -- "$pattern" <<<"$text" && continue
    fail "$promise" "no line matches '$pattern' in: $text"
    return
  done
  pass "$promise"
}

# lines_of PATTERN FILE: how many lines match.
lines_of() { grep -Ec -- "$1" "$2"; }

# tell NAME: runs nothing, prints the value of the counter NAME from statistics in $work/err.
tell() { awk -v name="$1" '$1 == name { print $2 }' "$work/err"; }

# served: "yes" where the statistics in $work/err say that blocks came from hakmem's slabs, or "no".
served() { [[ $(tell front.blocks_refilled) =~ ^[1-9] ]] && echo yes || echo no; }
