#!/bin/bash
# gates - which classes have magazines: HAKMEM_FRONT_GATE_UNIFIED, HAKMEM_SMALLMID_ENABLE, the build
# with POOL_TLS_PHASE1=0; and where the mode of the backend is to be seen.
source "$(dirname "$0")/parts/lines.sh"
builds ask
tested=$library

# work_with VARIABLE=VALUE...: random sizes, some of them alive to the end, so that each class has a
# slab to show; statistics at exit. The many classes of 1 to 8 KiB come last, since a class that
# idles caches less and less.
work_with() {
  env "LD_PRELOAD=$tested" HAKMEM_SHOW_STATS=1 "$@" "$work/ask" churn 30000 8193 262144 \
    churn 30000 1 1024 keep 500 1 262144 churn 30000 1025 8192 \
    >"$work/out" 2>"$work/err" </dev/null
}

# cached LEAST MOST: blocks in magazines, over the classes of these sizes that have a slab.
cached() {
  awk -v least="$1" -v most="$2" '
    $1 == "class" && $2 == "size" { for (i = 1; i <= NF; i++) column[$i] = i; table = 1; next }
    table && $1 !~ /^[0-9]+$/ { table = 0 }
    table && $2 >= least && $2 <= most { n += $column["cached"]; rows++ }
    END { if (rows) print n + 0; else print "no rows" }' "$work/err"
}

# magazines PROMISE TINY SMALLMID LARGER VARIABLE=VALUE...: "yes" where blocks are cached; SMALLMID
# holds for both halves of 1 to 8 KiB.
magazines() {
  local promise=$1 wanted="$2 $3 $3 $4" seen="" range n
  shift 4
  work_with "$@"
  for range in "1 1024" "1025 4096" "4097 8192" "8193 262144"; do
    # shellcheck disable=SC2086  # two words
    n=$(cached $range)
    case $n in 0) n=no ;; [1-9]*) n=yes ;; esac
    seen="$seen$n "
  done
  same "$promise" "$wanted" "${seen% }"
  same "$promise: the program is served by hakmem" \
    "churn: 0 NULL|churn: 0 NULL|keep: 0 NULL|churn: 0 NULL|yes" "$(out | tr '\n' '|')$(served)"
}

magazines "unset: all classes have magazines" yes yes yes HAKMEM_ACE=1
magazines "FRONT_GATE_UNIFIED=1: all classes have magazines" yes yes yes \
  HAKMEM_FRONT_GATE_UNIFIED=1
magazines "FRONT_GATE_UNIFIED=0: up to 1 KiB alone" yes no no HAKMEM_FRONT_GATE_UNIFIED=0
magazines "FRONT_GATE_UNIFIED=0, SMALLMID_ENABLE=0: up to 1 KiB alone" yes no no \
  HAKMEM_FRONT_GATE_UNIFIED=0 HAKMEM_SMALLMID_ENABLE=0
magazines "FRONT_GATE_UNIFIED=0, SMALLMID_ENABLE=1: up to 8 KiB" yes yes no \
  HAKMEM_FRONT_GATE_UNIFIED=0 HAKMEM_SMALLMID_ENABLE=1
magazines "FRONT_GATE_UNIFIED=1, SMALLMID_ENABLE=1: all" yes yes yes \
  HAKMEM_FRONT_GATE_UNIFIED=1 HAKMEM_SMALLMID_ENABLE=1
magazines "FRONT_GATE_UNIFIED=0 without adaptation: up to 1 KiB alone" yes no no \
  HAKMEM_FRONT_GATE_UNIFIED=0 HAKMEM_ACE=0
magazines "W_MAX that refuses classes: up to 1 KiB alone, each request passes the router" \
  yes no no HAKMEM_WMAX_MID=1.01 HAKMEM_WMAX_LARGE=1.01

# --- the backend ---

for mode in 0 1 2; do
  work_with HAKMEM_TINY_SS_SHARED=$mode HAKMEM_VERBOSE=1
  same "TINY_SS_SHARED=$mode: the mode is in the banner" 1 \
    "$(lines_of "^hakmem [0-9.]+: pid [0-9]+ ask, mode $mode( |\$)" "$work/err")"
  same "TINY_SS_SHARED=$mode: the mode is in the statistics" 1 \
    "$(lines_of "^hakmem [0-9.]+: pid [0-9]+ ask, backend: .*mode $mode( |\$)" "$work/err")"
  same "TINY_SS_SHARED=$mode: the value is accepted, the program is served by hakmem" \
    "0 0 NULL yes" \
    "$(lines_of 'not accepted' "$work/err") $(sed 's/^[a-z]*: //' "$work/out" | sort -u) $(served)"
done
work_with HAKMEM_VERBOSE=1
same "TINY_SS_SHARED unset: mode 2" 2 "$(lines_of '^hakmem .* mode 2( |$)' "$work/err")"
work_with HAKMEM_TINY_SS_SHARED=3
same "TINY_SS_SHARED=3: one line names it, and mode 2 stands" "1 1" \
  "$(lines_of '^hakmem: HAKMEM_TINY_SS_SHARED=3 is not accepted' "$work/err") \
$(lines_of '^hakmem .* mode 2( |$)' "$work/err")"

# --- built without magazines above 1 KiB ---

unset MAKEFLAGS MFLAGS MAKELEVEL
if make -C "$root" --no-print-directory shared POOL_TLS_PHASE1=0 BUILD="$work/split" \
  CC="$compiler" >"$work/make" 2>&1; then
  tested=$work/split/libhakmem.so
  magazines "make shared POOL_TLS_PHASE1=0: up to 1 KiB alone" yes no no HAKMEM_ACE=1
  magazines "make shared POOL_TLS_PHASE1=0: FRONT_GATE_UNIFIED=1 brings none back" yes no no \
    HAKMEM_FRONT_GATE_UNIFIED=1
  magazines "make shared POOL_TLS_PHASE1=0: SMALLMID_ENABLE=1 brings none back" yes no no \
    HAKMEM_FRONT_GATE_UNIFIED=0 HAKMEM_SMALLMID_ENABLE=1
else
  fail "make shared POOL_TLS_PHASE1=0 builds" "$(tail -n 5 "$work/make")"
fi
finish
