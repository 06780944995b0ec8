#!/bin/bash
# sqlite3: an in-memory database, without the small-block cache that would hide the allocator.
. "$(dirname "$0")/lib.sh"

what="sqlite3 with an in-memory database"
need sqlite3 sqlite3 "$what"
open_work "$what"

workload() {
  sqlite3 -batch -lookaside 0 0 :memory: ".read $input/orders.sql"
}
export -f workload

real_program "$what" sqlite3 workload
finish
