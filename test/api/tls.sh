#!/bin/bash
# tls - programs with much static TLS: at start under LD_PRELOAD, and before a late dlopen.
source "$(dirname "$0")/parts/lines.sh"
workspace

# fillers: libraries with static TLS, by size; several copies, since one is loaded but once.
fillers() {
  local size copy
  for size in 1024 512 256 128 64 32 16 8; do
    compile "$work/filler$size.so" -shared -fPIC -DFILLER_SIZE=$size "$parts/filler.c" || return 1
    for copy in 1 2 3 4; do cp "$work/filler$size.so" "$work/filler$size-$copy.so"; done
  done
}

# link_all: the program with 1 MiB of TLS, linked to five of the fillers.
link_all() {
  compile "$work/tls" "$parts/tls.c" -pthread -ldl -Wl,--no-as-needed \
    "$work"/filler{1024,512,256,128,64}.so
}

if ! fillers; then
  fail "tls: the libraries are built" "$compiler refuses them"
  finish
fi

if link_all; then
  run_program "much static TLS" tls env LD_PRELOAD="$library" "$work/tls"
else
  fail "much static TLS: the program is built" "$compiler refuses it"
fi

if compile "$work/surplus" "$parts/surplus.c" -pthread -ldl; then
  list=()
  for size in 1024 512 256 128 64 32 16 8; do
    for copy in 1 2 3 4; do list+=("$size=$work/filler$size-$copy.so"); done
  done
  run_program "static TLS used up" surplus env -u LD_PRELOAD "$work/surplus" "$library" "${list[@]}"
else
  fail "static TLS used up: the program is built" "$compiler refuses it"
fi
finish
