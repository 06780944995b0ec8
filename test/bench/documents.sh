#!/bin/bash
# documents: docs/benchmarks.md is made of a run's results and says which code was measured; what
# compares it with today's code must see every change of src. That the figures of this tree are of
# its code is told here and required by `make release-check`: development goes on in between.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
export LC_ALL=C HAK_BUILD=${HAK_BUILD:-$root/build}
. "$here/lib.sh"

what="docs/benchmarks.md names command, machine and code, and src is compared with what it names"
if ! command -v python3 >/dev/null; then
  skip "$what" "no python3 here (Debian package python3)"
  exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-documents.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

against=$(python3 -B "$here/parts/documents.py" "$work" 2>&1)
verdict "$what" "$against"

what="no figure in docs/benchmarks.md is older than the code"
told=$(python3 -B "$root/bench/run" --age 2>&1)
status=$?
if ((status == 0)) && [[ -z $told ]]; then
  pass "$what"
elif ((status == 1)) && [[ $told == "bench: "*docs/benchmarks.md* ]]; then
  skip "$what" "${told#bench: }"
else
  fail "$what" "status $status: $told"
fi
exit "$failed"
