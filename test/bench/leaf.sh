#!/bin/bash
# leaf: what the compiler made of malloc and free, read from the library's disassembly.
#
# hit_path.py does the reading. It is itself put to the test: on functions that keep the promises,
# on functions that break each of them (input/hit_paths.c), and on libc's own malloc.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LC_ALL=C HAK_BUILD=${HAK_BUILD:-$here/../../build}
HAK_LIB=${HAK_LIB:-$HAK_BUILD/libhakmem.so}
cc=${CC:-cc}
. "$here/lib.sh"
what="the hit paths of malloc and free can be read"

# read_path LIBRARY FUNCTION: sets against, size_tests, branches and path.
read_path() {
  local text
  text=$(python3 "$here/hit_path.py" "$1" "$2" 2>&1) || {
    fail "$what" "$2 of $1: ${text##*$'\n'}"
    exit 1
  }
  against=$(sed -n 's/^against: *//p' <<<"$text")
  size_tests=$(sed -n 's/^size-tests: //p' <<<"$text")
  branches=$(sed -n 's/^branches: //p' <<<"$text")
  path=$(sed -n 's/^path: //p' <<<"$text")
}

# The promises, each as a function that says what is against it on the path read last.
leaf() { echo "$against"; }

# No branch at all would mean that the gate was not seen.
one_gate() {
  ((branches == 1 && size_tests <= 1)) ||
    echo "$size_tests size tests and $branches other conditional branches"
}

two_gates() {
  local all=$((branches + size_tests))
  ((all >= 1 && all <= 2)) || echo "$all conditional branches"
}

# holds PROMISE RULE: prints whether the rule holds on the path read last.
holds() {
  local seen
  seen=$($2)
  if [[ -n $seen ]]; then
    fail "$1" "$seen"
    printf '  %s\n' "$path"
  else
    pass "$1"
  fi
}

# broken RULE LIBRARY FUNCTION WORDS: the rule must find something against this function.
broken() {
  read_path "$2" "$3"
  if [[ -n $("$1") ]]; then pass "$4"; else fail "$4" "nothing found against $path"; fi
}

# kept RULE LIBRARY FUNCTION: the rule must find nothing against this function.
kept() {
  read_path "$2" "$3"
  holds "a hit path that keeps the promise is accepted: $3, $1" "$1"
}

self_check() {
  local fast=$work/fast.so slow=$work/slow.so source=$here/input/hit_paths.c libc
  if ! { "$cc" -O2 -shared -fPIC -o "$fast" "$source" &&
    "$cc" -O0 -shared -fPIC -o "$slow" "$source"; }; then
    fail "the functions that break each promise compile" "$cc refused $source"
    return
  fi
  kept leaf "$fast" good_malloc
  kept one_gate "$fast" good_malloc
  kept leaf "$fast" good_free
  kept two_gates "$fast" good_free
  broken leaf "$fast" pushing_malloc "a push on malloc's hit path is found"
  broken leaf "$fast" pushing_free "a push on free's hit path is found"
  broken leaf "$fast" spilling_malloc "a register saved without a push is found"
  broken leaf "$fast" calling_malloc "a call on malloc's hit path is found"
  broken one_gate "$fast" asking_malloc "a second gate on malloc's hit path is found"
  broken one_gate "$fast" sorting_malloc "a second size test on malloc's hit path is found"
  broken two_gates "$fast" asking_free "a third branch on free's hit path is found"
  broken leaf "$slow" good_malloc "a malloc compiled without optimisation is found to be no leaf"
  broken leaf "$slow" good_free "a free compiled without optimisation is found to be no leaf"
  libc=$("$cc" -print-file-name=libc.so.6)
  if [[ -f $libc ]] && nm -D --defined-only "$libc" | grep -q ' malloc@'; then
    broken leaf "$libc" malloc "libc's malloc is found to be no leaf"
  else
    skip "libc's malloc is found to be no leaf" "no glibc behind $cc"
  fi
}

if [[ $(uname -m) != x86_64 ]]; then
  skip "$what" "this machine is no x86-64"
  exit 0
fi
for tool in objdump:binutils nm:binutils python3:python3 "$cc:gcc"; do
  type -P "${tool%:*}" >/dev/null && continue
  skip "$what" "no ${tool%:*} on this machine (Debian package ${tool#*:})"
  exit 0
done
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-leaf.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
self_check
if [[ ! -f $HAK_LIB ]]; then
  fail "$what" "there is no $HAK_LIB"
  exit 1
fi
read_path "$HAK_LIB" malloc
holds "malloc's hit path is a leaf that saves no register" leaf
holds "malloc's hit path has one conditional branch besides the size test" one_gate
echo "# malloc: $path"
read_path "$HAK_LIB" free
holds "free's hit path is a leaf that saves no register" leaf
holds "free's hit path has at most two conditional branches" two_gates
echo "# free: $path"
exit "$failed"
