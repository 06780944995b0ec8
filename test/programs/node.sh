#!/bin/bash
# node: JSON, Buffers, zlib, worker threads and child processes.
. "$(dirname "$0")/lib.sh"

what="node with buffers, workers and children"
need node nodejs "$what"
open_work "$what"

workload() {
  node "$input/work.js"
}
export -f workload

real_program "$what" node workload
finish
