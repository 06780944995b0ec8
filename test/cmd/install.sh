#!/bin/bash
# install - make install puts everything in its place, programs are built with what is there, and
# make uninstall leaves nothing.
source "$(dirname "$0")/parts/lines.sh"
to="$work/with blank"

# make_target TARGET: quietly, into $to; what is built already is used.
make_target() {
  make -s -C "$root" "$1" BUILD="$build" DESTDIR="$to" PREFIX=/opt/hak LIBDIR=/opt/hak/lib64 \
    >"$work/out" 2>"$work/err"
}

make_target install
same "make install succeeds in a directory with a blank" "0 " "$? $(cat "$work/err")"
expected="/opt/hak/bin/hakmem
/opt/hak/include/hakmem.h
/opt/hak/lib64/libhakmem.a
/opt/hak/lib64/libhakmem.so
/opt/hak/lib64/pkgconfig/hakmem.pc
/opt/hak/share/man/man1/hakmem.1"
same "these files are installed, and no other" "$expected" \
  "$(cd "$to" && find . -type f | cut -c2- | LC_ALL=C sort)"
cp -R "$to/opt" "$work/opt" # LD_PRELOAD cannot name what has a blank
same "the installed command finds the installed library" 1 \
  "$("$work/opt/hak/bin/hakmem" run --set VERBOSE=1 -- true 2>&1 | grep -c 'hakmem .*: pid')"

cat >"$work/uses.c" <<'C'
#include <hakmem.h>
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  void *volatile p = malloc(100);
  printf("%d\n", hak_owns(p));
  free(p);
  return 0;
}
C
if type -P pkg-config >/dev/null; then
  # shellcheck disable=SC2046 # flags are words
  "${CC:-cc}" "$work/uses.c" -o "$work/uses" -I"$to/opt/hak/include" -L"$to/opt/hak/lib64" \
    $(PKG_CONFIG_PATH="$to/opt/hak/lib64/pkgconfig" pkg-config --cflags --libs hakmem) 2>"$work/err"
  same "a program is built with what pkg-config says, and served" "1" \
    "$(LD_LIBRARY_PATH="$to/opt/hak/lib64" "$work/uses" 2>&1)$(cat "$work/err")"
else
  skip "a program is built with what pkg-config says, and served" "pkg-config"
fi

make_target uninstall
same "make uninstall succeeds" "0 " "$? $(cat "$work/err")"
same "it leaves no file" "" "$(cd "$to" && find . -type f)"
finish
