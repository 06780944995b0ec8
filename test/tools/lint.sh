#!/bin/bash
# tools/lint and .clang-tidy on a small tree: clean, with a fault in a source, with one in a header.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
if ! type -P clang-tidy >/dev/null; then
  echo "skip: lint finds what is planted: clang-tidy"
  exit 0
fi
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0
mkdir -p "$tmp/tools" "$tmp/src/base" "$tmp/include"
cp "$here/tools/lint" "$tmp/tools/lint"
cp "$here/.clang-tidy" "$tmp/.clang-tidy"

# expect PROMISE STATUS TEXT: lint ends with STATUS and its output holds TEXT.
expect() {
  local out status
  out=$("$tmp/tools/lint" 2>&1 </dev/null)
  status=$?
  if [ $status = "$2" ] && grep -qF -- "$3" <<<"$out"; then
    echo "pass: lint $1"
  else
    echo "FAIL: lint $1: status $status, $(head -n 5 <<<"$out" | tr '\n' '|')"
    failed=1
  fi
}

expect "fails where there is nothing to read" 1 "FAIL: "
printf '#include "base/a.h"\nint a_get(const int *p) { return p ? *p : 0; }\n' >"$tmp/src/base/a.c"
printf 'int a_get(const int *p);\n' >"$tmp/src/base/a.h"
expect "passes clean code" 0 "pass: "
printf 'int b_get(const int *p) { return p ? 0 : *p; }\n' >"$tmp/src/base/b.c"
expect "finds a NULL that is read" 1 "src/base/b.c:1:"
rm "$tmp/src/base/b.c"
printf 'static inline int a_bad(int n) { int a[2] = {n, n}; return sizeof(a) / sizeof(&a[0]); }\n' \
  >>"$tmp/src/base/a.h"
expect "finds a fault in a header" 1 "src/base/a.h:2:"
printf 'int c = ;\n' >"$tmp/src/base/c.c"
rm "$tmp/src/base/a.c"
expect "fails on what does not compile" 1 "src/base/c.c:1:"
exit $failed
