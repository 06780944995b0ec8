#!/bin/bash
# secure - a program with more privileges than its caller, linked with hakmem: the caller's HAKMEM_
# variables choose nothing, neither a file that is written nor a line on stderr.
source "$(dirname "$0")/parts/lines.sh"
workspace

options=(HAKMEM_LIMIT=1G HAKMEM_VERBOSE=1 HAKMEM_SHOW_STATS=1 HAKMEM_ACE_TRACE=1 HAKMEM_NO_SUCH=1
  "HAKMEM_LOG=$work/log")

# told COMMAND...: runs it. Sets status, and seen to what it printed, the lines on stderr, and
# whether the log was written.
told() {
  local log=none
  rm -f "$work/log"
  env -u LD_PRELOAD "$@" >"$work/out" 2>"$work/err"
  status=$?
  if [ -e "$work/log" ]; then
    log=empty
    grep -q '^front.blocks_refilled' "$work/log" && log=statistics
  fi
  seen="$(cat "$work/out"), $(wc -l <"$work/err") lines on stderr, log: $log"
}

# of_linked VARIANT PROGRAM
of_linked() {
  local promise="$1: a program reads its options, and a privileged one (AT_SECURE) none"
  told "${options[@]}" "$2"
  if [ "$seen" != "secure 0 limit 1073741824, 2 lines on stderr, log: statistics" ]; then
    fail "$promise" "not privileged: status $status: $seen"
    return
  fi
  told "$2" "${options[@]}"
  if [ $status -eq 77 ] || [[ $seen == "secure 0 "* ]]; then
    echo "skip: $promise: the right to take another real user ID, which root has"
  elif [ "$status: $seen" = "0: secure 1 limit 0, 0 lines on stderr, log: none" ]; then
    pass "$promise"
  else
    fail "$promise" "status $status: $seen"
  fi
}

# build VARIANT ARGUMENT...
build() {
  local variant=$1
  shift
  if compile "$work/$variant" -D_GNU_SOURCE -fno-builtin -I"$root/include" "$parts/secure.c" "$@"
  then
    of_linked "$variant" "$work/$variant"
  else
    fail "$variant: the program is built" "$compiler refuses it"
  fi
}

build static "$build/libhakmem.a" -ldl -pthread
build shared "$library" -Wl,-rpath,"$(dirname "$library")"
finish
