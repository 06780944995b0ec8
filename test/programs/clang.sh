#!/bin/bash
# clang on C and C++: the same assembly text, and programs that run.
. "$(dirname "$0")/lib.sh"

what="clang -O2 of C and of templates"
need clang clang "$what"
open_work "$what"

awk -v modules=40 -f "$input/large_c.awk" >"$work/medium.c"

workload() {
  clang -std=gnu11 -O2 -S "$work/medium.c" -o medium.s
  clang medium.s -o medium
  ./medium
  clang -std=c++17 -DWIDTH=3 -O2 -S -x c++ "$input/templates.cpp" -o templates.s
  clang templates.s -lstdc++ -lm -o templates
  ./templates
}
export -f workload

real_program "$what" "clang medium templates" workload
finish
