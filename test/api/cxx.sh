#!/bin/bash
# cxx - operator new that fails finds the C++ runtime, also one that was linked statically, where no
# name can be looked up.
source "$(dirname "$0")/parts/lines.sh"
workspace

# on_hakmem COMMAND...: what the command says; its statistics must prove that hakmem served it.
on_hakmem() {
  rm -f "$work/log"
  HAKMEM_SHOW_STATS=1 HAKMEM_LOG=$work/log "$@" 2>&1 || return
  grep -Eqs '^front\.blocks_refilled +[1-9]' "$work/log" || echo "not served by hakmem"
}

# linked NAME WORDS...: the program, linked with WORDS, calls the handler and throws.
linked() {
  local name="cxx: $1"
  shift
  seen=$("${CXX:-g++}" -O2 -o "$work/linked" "$parts/linked.cc" "$@" 2>&1) &&
    seen=$(on_hakmem "$work/linked")
  says "$name" "handler 1, bad_alloc" $?
}

# says PROMISE EXPECTED STATUS: what was run last ended with STATUS, and `seen` is what it said.
says() {
  if [ "$3" = 0 ] && [ "$seen" = "$2" ]; then
    pass "$1"
  else
    fail "$1" "$(head -c 300 <<<"$seen" | tr '\n' ' ')"
  fi
}

shared=(-L"$(dirname "$library")" "-Wl,-rpath,$(dirname "$library")" -l:libhakmem.so)
linked "the shared library, a shared runtime" "${shared[@]}"
linked "the shared library, a static runtime" -static-libstdc++ -static-libgcc "${shared[@]}"
linked "the static library, a shared runtime" "$build/libhakmem.a" -ldl -pthread
linked "the static library, a static runtime" -static-libstdc++ -static-libgcc \
  "$build/libhakmem.a" -ldl -pthread
linked "all static" -static "$build/libhakmem.a" -ldl -pthread

# The runtime comes with a plugin of a program that has none.
cat >"$work/plugin.cc" <<'END'
#include <cstdio>
#include <new>
static int calls;
static void handler() { calls++, throw std::bad_alloc(); }
extern "C" void plugged() {
  std::set_new_handler(handler);
  void *plain = ::operator new(1ul << 60, std::nothrow);
  void *aligned = ::operator new(1ul << 60, std::align_val_t(64), std::nothrow);
  try {
    ::operator delete(::operator new(1ul << 60));
  } catch (const std::bad_alloc &) {
    std::printf("%p %p, handler %d, bad_alloc\n", plain, aligned, calls);
  }
}
END
cat >"$work/host.c" <<'END'
#include <dlfcn.h>
int main(int argc, char **argv) {
  void *plugin = argc > 1 ? dlopen(argv[1], RTLD_NOW) : 0;
  void (*plugged)(void);
  if (!plugin) return 1;
  *(void **)&plugged = dlsym(plugin, "plugged");
  plugged();
  return 0;
}
END
seen=$("${CXX:-g++}" -std=c++17 -shared -fPIC -o "$work/plugin.so" "$work/plugin.cc" 2>&1 &&
  "${CC:-cc}" -o "$work/host" "$work/host.c" -ldl 2>&1) &&
  seen=$(on_hakmem env LD_PRELOAD="$library" "$work/host" "$work/plugin.so")
says "cxx: a handler that throws in a plugin that brought the runtime, nothrow or not" \
  "(nil) (nil), handler 3, bad_alloc" $?

cat >"$work/refused.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  int n = 0;
  while (n < 100000 && malloc(33792)) n++;
  return printf("%s\n", n < 1000 ? "refused" : "served") < 0;
}
END
seen=$("${CC:-cc}" -O1 -fno-builtin -o "$work/refused" "$work/refused.c" -static \
  "$build/libhakmem.a" -ldl -pthread 2>&1) &&
  seen=$(HAKMEM_LIMIT=16M timeout 60 "$work/refused" 2>&1)
says "a program that is all static gets NULL where memory is refused, and lives on" refused $?

# Without fork the C library's own registrar is not linked.
cat >"$work/static.c" <<'END'
#include <pthread.h>
#include <stdlib.h>
int main(void) {
  free(malloc(100));
  return pthread_atfork(NULL, NULL, NULL);
}
END
seen=$("${CC:-cc}" -o "$work/static" "$work/static.c" -static "$build/libhakmem.a" -ldl \
  -pthread 2>&1) && seen=$("$work/static" 2>&1)
says "pthread_atfork succeeds in a program that is all static and never forks" "" $?
finish
