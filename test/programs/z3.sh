#!/bin/bash
# z3: arithmetic, arrays, quantifiers, and an unsatisfiable pigeonhole; same verdicts, same models.
. "$(dirname "$0")/lib.sh"

what="z3 on satisfiable and unsatisfiable problems"
need z3 z3 "$what"
open_work "$what"

# 9 pigeons in 8 holes, as clauses.
awk -v holes=8 'BEGIN {
  for (p = 0; p <= holes; p++)
    for (h = 0; h < holes; h++) printf "(declare-const p%d_%d Bool)\n", p, h
  for (p = 0; p <= holes; p++) {
    printf "(assert (or"
    for (h = 0; h < holes; h++) printf " p%d_%d", p, h
    print "))"
    for (q = 0; q < p; q++)
      for (h = 0; h < holes; h++) printf "(assert (or (not p%d_%d) (not p%d_%d)))\n", p, h, q, h
  }
  print "(check-sat)"
}' >"$work/pigeons.smt2"

workload() {
  z3 "$input/puzzle.smt2"
  z3 "$work/pigeons.smt2"
}
export -f workload

real_program "$what" z3 workload
finish
