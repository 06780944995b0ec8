#!/bin/bash
# perl: strings, hashes, sorts and interpreter threads.
. "$(dirname "$0")/lib.sh"

what="perl with strings, hashes, sorts and threads"
need perl perl "$what"
open_work "$what"

workload() {
  PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 perl "$input/words.pl"
}
export -f workload

real_program "$what" perl workload
finish
