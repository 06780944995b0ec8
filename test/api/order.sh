#!/bin/bash
# order - allocation before the constructors of hakmem and after its destructors, by a library
# that the loader sets up first and takes down last, and within hakmem's own first call.
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

promise="a library that allocates where hakmem registers its fork handlers bears no second thread"
if ! compile "$work/liboverlay.so" -shared -fPIC "$parts/overlay.c"; then
  fail "$promise" "$compiler refuses it"
  finish
fi
HAKMEM_SHOW_STATS=1 LD_PRELOAD=$library:$work/liboverlay.so "$work/order" >"$work/out" 2>"$work/err"
born=$(awk '$1 == "front.threads_born" { print $2 }' "$work/err")
if [ "$born" = 1 ]; then pass "$promise"; else fail "$promise" "born: $born"; fi
finish
