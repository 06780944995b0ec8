#!/bin/bash
# cxx - operator new that fails finds the C++ runtime, also one that was linked statically, where no
# name can be looked up.
source "$(dirname "$0")/parts/lines.sh"
workspace

# linked NAME WORDS...: the program, linked with WORDS, calls the handler and throws.
linked() {
  local name="cxx: $1" seen
  shift
  if seen=$("${CXX:-g++}" -O2 -o "$work/linked" "$parts/linked.cc" "$@" 2>&1) &&
    seen=$("$work/linked" 2>&1) && [ "$seen" = "handler 1, bad_alloc" ]; then
    pass "$name"
  else
    fail "$name" "$(head -c 300 <<<"$seen" | tr '\n' ' ')"
  fi
}

shared=(-L"$(dirname "$library")" "-Wl,-rpath,$(dirname "$library")" -l:libhakmem.so)
linked "the shared library, a shared runtime" "${shared[@]}"
linked "the shared library, a static runtime" -static-libstdc++ -static-libgcc "${shared[@]}"
linked "the static library, a shared runtime" "$build/libhakmem.a" -ldl -pthread
linked "the static library, a static runtime" -static-libstdc++ -static-libgcc \
  "$build/libhakmem.a" -ldl -pthread
linked "all static" -static "$build/libhakmem.a" -ldl -pthread

# Without fork the C library's own registrar is not linked.
promise="pthread_atfork succeeds in a program that is all static and never forks"
cat >"$work/static.c" <<'END'
#include <pthread.h>
#include <stdlib.h>
int main(void) {
  free(malloc(100));
  return pthread_atfork(NULL, NULL, NULL);
}
END
if seen=$("${CC:-cc}" -o "$work/static" "$work/static.c" -static "$build/libhakmem.a" -ldl \
  -pthread 2>&1) && "$work/static"; then
  pass "$promise"
else
  fail "$promise" "$(head -c 300 <<<"$seen" | tr '\n' ' ')"
fi
finish
