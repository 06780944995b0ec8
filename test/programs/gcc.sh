#!/bin/bash
# gcc -O2 on a large C file: the assembly text and the object must be the same bytes with and
# without hakmem, and the program that comes out must run.
. "$(dirname "$0")/lib.sh"

what="gcc -O2 of a large C file"
need gcc gcc "$what"
open_work "$what"
export modules=140

awk -v modules="$modules" -f "$input/large_c.awk" >"$work/large.c"

workload() {
  gcc -std=gnu11 -O2 -S "$work/large.c" -o large.s
  gcc -c large.s -o large.o
  gcc large.o -o large
  ./large | tee sums
  [[ $(wc -l <sums) == "$modules" ]]
}
export -f workload

real_program "$what" "gcc cc1 as collect2 ld" workload
finish
