#!/bin/bash
# start: what every process pays for the library, whatever it does: pages and names, read from the
# library's headers and from what a small process has mapped.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LC_ALL=C HAK_BUILD=${HAK_BUILD:-$here/../../build}
HAK_LIB=${HAK_LIB:-$HAK_BUILD/libhakmem.so}
. "$here/lib.sh"

# data_bytes OBJECT: of initialised data that stays writable.
data_bytes() { size -A "$1" | awk '$1 == ".data" { n = $2 } END { print n + 0 }'; }

# relocated_pages OBJECT: that the loader writes and then makes read-only.
relocated_pages() {
  readelf -lW "$1" | awk '$1 == "GNU_RELRO" { print $3, $6 }' | {
    read -r start bytes && echo $((((start + bytes + 4095) >> 12) - (start >> 12)))
  }
}

# names OBJECT: that the loader looks up in other objects.
names() { readelf --dyn-syms -W "$1" | awk '$7 == "UND" && $8 != ""' | wc -l; }

# order OBJECT: its sections of constants and code, and four functions from what every process runs
# to what hardly any does, as they lie.
order() {
  {
    readelf -SW "$1" | sed 's/^ *\[ *[0-9]*\]//' | awk '$1 ~ /^\.(rodata|text)$/ { print $3, $1 }'
    nm "$1" |
      awk '$3 ~ /^(front_alloc|pool_get|hak_ledger|_Unwind_RaiseException)$/ { print $1, $3 }'
  } | sort | awk '{ print $2 }' | paste -sd ' '
}

# resident_kib OBJECT COMMAND...: of its file, in a process that prints its own map. A second run
# proves that it serves such a process: who prints statistics reads what others do not.
resident_kib() {
  local lib=$1
  shift
  LD_PRELOAD=$lib HAKMEM_SHOW_STATS=1 "$@" 2>&1 | grep -q '^front.blocks_refilled *[1-9]' || return
  LD_PRELOAD=$lib "$@" | awk -v name="${lib##*/}" '
    /^[0-9a-f]+-[0-9a-f]+ / { ours = $6 ~ "/" name "$" }
    ours && /^Rss:/ { kib += $2 }
    END { print kib }'
}

# at_most PROMISE MOST COUNT
at_most() { if [[ -n $3 ]] && (($3 <= $2)); then pass "$1"; else fail "$1" "$3"; fi; }

found=$(order "$HAK_LIB")
promise="what few processes read lies behind what all do: constants, code, rare code, the unwinder"
if [[ $found == ".rodata .text front_alloc pool_get hak_ledger _Unwind_RaiseException" ]]; then
  pass "$promise"
else
  fail "$promise" "$found"
fi

# The 64 KiB that the kernel maps around a page, and the page that is relocated. The second program
# grows, gives back, and reads what the cgroup leaves.
at_most "at most 68 KiB of the library's file are resident in a small process (src/layout.ld)" 68 \
  "$(resident_kib "$HAK_LIB" bash -c 'echo "$(</proc/self/smaps)"')"
at_most "the same in one that builds a table of 3 MB and drops it" 68 \
  "$(resident_kib "$HAK_LIB" perl -e '
    my %table; $table{$_} = "-" x ($_ % 2000) for 1 .. 3000; undef %table;
    open(my $map, "<", "/proc/self/smaps"); print <$map>')"

layout=$here/../../src/layout.ld
promise="each function that src/layout.ld names is in src"
gone=$(grep -oE '\.text(\.unlikely)?\.[a-z]\w+' "$layout" | sed -E 's/^\.text\.(unlikely\.)?//' |
  grep -vxE 'unlikely|startup|exit' | sort -u |
  comm -23 - <(cat "$here"/../../src/*/*.[ch]* | grep -oE '\w+' | sort -u))
verdict "$promise" "$(paste -sd ' ' <<<"$gone")"

promise="src/layout.ld orders what the linker of another processor links, too"
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
linker=aarch64-linux-gnu-ld
if ! type -P $linker >/dev/null; then
  skip "$promise" "$linker (binutils-aarch64-linux-gnu)"
elif echo 'const int class_a = 1; int f(void) { return class_a; }' |
  clang --target=aarch64-linux-gnu -ffunction-sections -fdata-sections -c -x c -o "$work/f.o" - &&
  said=$($linker -shared -T "$layout" -o "$work/f.so" "$work/f.o" 2>&1); then
  pass "$promise"
else
  fail "$promise" "$said"
fi

libc=$(ldd "$(command -v bash)" | awk '$1 ~ /^libc\./ { print $3 }')
at_most "no initialised data stays writable: no page of it, and no mapping split by its end" 0 \
  "$(data_bytes "$HAK_LIB")"
at_most "what is relocated at start lies in one page" 1 "$(relocated_pages "$HAK_LIB")"
at_most "at most 48 names of others are looked up at start" 48 "$(names "$HAK_LIB")"
if (($(data_bytes "$libc") > 0 && $(relocated_pages "$libc") > 1 && $(names "$libc") > 0)); then
  pass "the same is seen of libc, which has all three"
else
  fail "the same is seen of libc, which has all three" "nothing seen in $libc"
fi
exit "$failed"
