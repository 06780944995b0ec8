#!/bin/bash
# dlopen - hakmem loaded into a running program; other libraries loaded and unloaded under it.
source "$(dirname "$0")/parts/lines.sh"
workspace

if compile "$work/dlopen" "$parts/dlopen.c" -pthread -ldl; then
  run_program dlopen dlopen env -u LD_PRELOAD "$work/dlopen" "$library"
  run_program dlopen "dlopen with the background thread" env -u LD_PRELOAD HAKMEM_BACKGROUND=1 \
    HAKMEM_DECAY_MS=5 "$work/dlopen" "$library"
else
  fail "dlopen: the program is built" "$compiler refuses it"
fi

if compile "$work/plugin.so" -shared -fPIC "$parts/plugin.c" &&
  compile "$work/unload" "$parts/unload.c" -pthread -ldl; then
  run_program unload unload env LD_PRELOAD="$library" "$work/unload" "$work/plugin.so"
else
  fail "unload: the program is built" "$compiler refuses it"
fi
finish
