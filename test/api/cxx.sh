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
finish
