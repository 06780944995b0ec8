#!/bin/bash
# g++ -O2 on a file full of templates: the same assembly text, and a program that runs.
. "$(dirname "$0")/lib.sh"

what="g++ -O2 of a file full of templates"
need g++ g++ "$what"
open_work "$what"

workload() {
  g++ -std=c++17 -DWIDTH=4 -O2 -S -x c++ "$input/templates.cpp" -o templates.s
  g++ templates.s -o templates
  ./templates
}
export -f workload

real_program "$what" "g++ cc1plus templates" workload
finish
