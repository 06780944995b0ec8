#!/bin/bash
# ledger - what is written of the ledger: text, JSON, malloc_stats, malloc_info, statistics.
source "$(dirname "$0")/parts/lines.sh"
workspace

# told PROMISE LANGUAGE FORM FILE VARIABLE=VALUE...: the program says FORM to FILE (out or err), and
# it reads as LANGUAGE and adds up.
told() {
  local promise=$1 language=$2 form=$3 file=$4 status wrong
  shift 4
  env "LD_PRELOAD=$library" "$@" "$work/ledger" "$form" >"$work/out" 2>"$work/err"
  status=$?
  wrong=$(python3 "$parts/ledger.py" "$language" <"$work/$file" 2>&1)
  if [ $status -eq 0 ] && [ -z "$wrong" ]; then
    pass "$promise"
  else
    fail "$promise" "status $status; $(head -c 300 <<<"$wrong" | tr '\n' ' ')"
  fi
}

if ! command -v python3 >/dev/null; then
  echo "skip: the ledger as text, JSON and XML: python3"
elif ! compile "$work/ledger" -D_GNU_SOURCE -fno-builtin "$parts/ledger.c" \
  "$library" -ldl; then
  fail "ledger: the program is built" "$compiler refuses it"
else
  told "hak_ledger_print writes a table that adds up, and preserves errno" text text out
  told "hak_ledger_print writes JSON that adds up" json json out
  told "malloc_stats prints the ledger to stderr" text stats err
  told "malloc_info writes XML with glibc's elements and the ledger" xml xml out
  told "HAKMEM_SHOW_STATS=1 prints the ledger at exit" text none err HAKMEM_SHOW_STATS=1
  told "the ledger adds up where huge pages are asked for" json json out HAKMEM_THP=always
  told "the ledger adds up with private pools" json json out HAKMEM_TINY_SS_SHARED=0
  told "the ledger adds up while each free is checked" json json out HAKMEM_TINY_SLL_VALIDATE_HDR=1
  LD_PRELOAD=$library HAKMEM_TINY_SLL_VALIDATE_HDR=1 "$work/ledger" asked
  status=$?
  if [ $status -eq 0 ]; then
    pass "while each free is checked the ledger knows the bytes asked for"
  else
    fail "while each free is checked the ledger knows the bytes asked for" "status $status"
  fi
  if LD_PRELOAD=$library "$work/ledger" closed; [ $? -eq 1 ]; then
    pass "a descriptor that cannot be written to is refused with its errno"
  else
    fail "a descriptor that cannot be written to is refused with its errno" "it is not"
  fi
fi
finish
