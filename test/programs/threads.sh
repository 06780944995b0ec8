#!/bin/bash
# Compressors with two threads: the same archive, and the same text when it is unpacked. Where
# neither xz nor zstd is there, threads of python3 do the work.
. "$(dirname "$0")/lib.sh"

what="compressors with two threads"
open_work "$what"
awk -v modules=600 -f "$input/large_c.awk" >"$work/text"
programs=
for program in xz zstd pigz; do
  command -v "$program" >/dev/null && programs+="$program "
done
export programs

# Small blocks, so that the threads have several to share.
workload() {
  local program options
  for program in $programs; do
    case $program in
    xz) options="-6 --block-size=400000" ;;
    zstd) options="-q -9 -B524288" ;;
    pigz) options="-n -9" ;;
    esac
    [[ $program == pigz ]] && options+=" -p 2" || options+=" -T2"
    $program $options -c "$work/text" >"text.$program"
    $program -d -c "text.$program" | cmp - "$work/text"
    $program -d -c -q "text.$program" | tail -c 1000000 | $program $options -c | cksum
  done
}

python_threads() {
  python3 - "$work/text" <<'PYTHON'
import bz2, hashlib, sys, threading, zlib

text = open(sys.argv[1], "rb").read()
sums = [None] * 8

def pack(n):
    part = text[n * 1000:]
    sums[n] = hashlib.md5(bz2.compress(part[:400000]) + zlib.compress(part, 9)).hexdigest()

threads = [threading.Thread(target=pack, args=(n,)) for n in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print("\n".join(sums))
PYTHON
}
brief() {
  local program
  for program in $programs; do echo text | $program -c | $program -d -c; done
}
export -f workload brief python_threads

if [[ -n $programs ]]; then
  real_program "$what" "$(grep -ow zstd <<<"$programs")" workload
  bound "$what" brief $programs
else
  need python3 "xz-utils, zstd or python3" "$what"
  real_program "threads of python3" python python_threads
fi
finish
