#!/bin/bash
# report: what bench/run writes. A short run of three rows must leave the tables for programs, the
# one for people and the page, also when it is interrupted; a real program whose output differs, or
# which another allocator served, must be refused; a browser must find plots and tables in the page.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
export LC_ALL=C HAK_BUILD=${HAK_BUILD:-$root/build}
. "$here/lib.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-report.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# measure FOLDER ROWS: a run of one round with its own folder for the results.
measure() {
  OUT=$work/$1 ROWS=$2 ROUNDS=1 ONLY="hakmem glibc" python3 -B "$root/bench/run" \
    >"$work/$1.log" 2>&1
}

# Something against the results in FOLDER, which must say that they are in the given STATE.
read_results() { python3 -B "$here/parts/results.py" "$work/$1" "$2" 2>&1; }

if ! command -v python3 >/dev/null; then
  skip "bench/run writes its three reports" "no python3 here (Debian package python3)"
  exit 0
fi

if ! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
  skip "bench/run writes its three reports" "no glibc here, whose linker says who serves a program"
  exit 0
fi

measure whole "threads-1 empty real-python"
status=$?
against=$(read_results whole complete)
((status == 0)) || against="exit status $status: $(tail -n 2 "$work/whole.log")"
verdict "a run writes a CSV, a Markdown and an HTML report that agree" "$against"
against=
for file in results.md results.html; do
  grep -q 'PYTHONMALLOC=malloc.* [^ ]*python3 ' "$work/whole/$file" || against+="$file does not; "
done
verdict "the reports say what a real program is set to" "$against"
against=
grep -qE '^\[2/3, [0-9]+ (s|min) left\] ' "$work/whole.log" ||
  against=$(tail -n 3 "$work/whole.log")
verdict "each line of a run says which row of how many it is and how long the rest takes" "$against"

# Ctrl-C in the middle: in the second of fifty rounds of the first of two rows.
OUT=$work/cut ROWS="threads-1 empty" ROUNDS=50 ONLY="hakmem glibc" \
  python3 -B "$root/bench/run" >"$work/cut.log" 2>&1 &
child=$!
for ((i = 0; i < 300; i++)); do
  grep -qs 'threads-1 .* 2/50 glibc' "$work/cut.log" && break
  sleep 0.1
done
kill -INT "$child"
wait "$child"
status=$?
against=$(read_results cut interrupted)
((status == 130)) || against="exit status $status: $(tail -n 2 "$work/cut.log")"
verdict "Ctrl-C in the middle leaves three whole reports of what was measured" "$against"

found=$(grep -m 3 -oE '[0-9]+/50 [a-z]+' "$work/cut.log" | tr '\n' ' ')
against=
[[ $found == "1/50 hakmem 1/50 glibc 2/50 glibc " ]] || against="the first are: $found"
verdict "each round begins with the next allocator" "$against"

against=$(python3 -B "$here/parts/refusals.py" 2>&1)
verdict "a real program that another serves, or whose output differs, is refused" "$against"

against=$(python3 -B "$here/parts/summaries.py" "$work/plain.html" 2>&1)
verdict "the means and the rows in which hakmem is behind are those of known figures" "$against"
against=
grep -q '<svg' "$work/plain.html" && against="there are plots"
grep -q 'Debian package gnuplot-nox' "$work/plain.html" || against="no such sentence in it"
verdict "the page names what draws its plots when that is missing" "$against"

what="a browser finds the plots and the tables in the page, and no script and no error"
if ! command -v chromium >/dev/null; then
  skip "$what" "no chromium here (Debian package chromium)"
elif ! command -v gnuplot >/dev/null; then
  skip "$what" "no gnuplot here (Debian package gnuplot-nox)"
else
  HOME=$work timeout -k 2 40 chromium --headless --no-sandbox --disable-gpu --disable-quic \
    --no-first-run --disable-background-networking --disable-component-update --disable-sync \
    --user-data-dir="$work/profile" --enable-logging=stderr --dump-dom \
    "file://$work/whole/results.html" >"$work/dom" 2>"$work/browser"
  against=$(python3 -B "$here/parts/dom.py" "$work/dom" 2>&1)
  grep -q 'CONSOLE' "$work/browser" && against=$(grep -m 1 'CONSOLE' "$work/browser")
  verdict "$what" "$against"
fi
exit "$failed"
