#!/bin/bash
# order - allocation before the constructors of hakmem and after its destructors, by a library
# that the loader sets up first and takes down last.
source "$(dirname "$0")/parts/lines.sh"
workspace
promise="a library set up before hakmem and taken down after it allocates at both times"

if ! compile "$work/libearly.so" -shared -fPIC "$parts/early.c" ||
  ! compile "$work/order" "$parts/order.c" "$work/libearly.so"; then
  fail "$promise" "$compiler refuses it"
  finish
fi
LD_PRELOAD=$library "$work/order" >"$work/out"
status=$?
if [ $status -eq 0 ] && [ "$(cat "$work/out")" = "constructor main destructor" ]; then
  pass "$promise"
else
  fail "$promise" "status $status, stages: $(cat "$work/out")"
fi
finish
