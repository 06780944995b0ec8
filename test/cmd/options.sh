#!/bin/bash
# options - what each option of `hakmem run` puts into the environment, refuses and brings about.
source "$(dirname "$0")/parts/lines.sh"
cd "$work" || exit 1
lines="env | grep '^HAKMEM_' | sort"

# sets PROMISE VARIABLES WANTED WORD...: the program finds VARIABLES (lines) and no other of
# hakmem's. Where this build has no option WANTED, the words are refused instead.
sets() {
  local promise=$1 variables=$2 wanted=$3
  shift 3
  if has_option "$wanted"; then
    expect "$promise" 0 "$variables" "" env -i PATH="$PATH" "$hakmem" run "$@" -- sh -c "$lines"
  else
    refused "$promise, refused where this build has no $wanted" \
      "hakmem: run: $1: this build has no such option: $wanted" run "$@" -- echo ran
  fi
}

sets "without an option, nothing is set" "" HAKMEM_LIMIT
sets "--trace" HAKMEM_ACE_TRACE=1 HAKMEM_ACE_TRACE --trace
sets "--check" HAKMEM_TINY_SLL_VALIDATE_HDR=1 HAKMEM_TINY_SLL_VALIDATE_HDR --check
sets "--secure" HAKMEM_SECURE=1 HAKMEM_SECURE --secure
sets "--profile=FILE, as an absolute path" "HAKMEM_PROFILE=$work/p" HAKMEM_PROFILE --profile=p
sets "--limit=SIZE" HAKMEM_LIMIT=1G HAKMEM_LIMIT --limit=1G
sets "--limit SIZE" HAKMEM_LIMIT=1G HAKMEM_LIMIT --limit 1G
sets "--set NAME=VALUE" HAKMEM_LIMIT=1G HAKMEM_LIMIT --set LIMIT=1G
sets "--set with the prefix" HAKMEM_LIMIT=1G HAKMEM_LIMIT --set HAKMEM_LIMIT=1G
sets "--set=NAME=VALUE" HAKMEM_LIMIT=1G HAKMEM_LIMIT --set=LIMIT=1G
sets "the later of two counts" HAKMEM_LIMIT=3G HAKMEM_LIMIT --limit=1G --set LIMIT=3G
sets "several options" "HAKMEM_LIMIT=1G
HAKMEM_PREWARM=1
HAKMEM_WMAX_MID=1.3" HAKMEM_LIMIT --set WMAX_MID=1.3 --limit=1G --set PREWARM=1
HAKMEM_LIMIT=7G expect "an option goes before the environment" 0 1G "" \
  "$hakmem" run --limit=1G -- printenv HAKMEM_LIMIT
HAKMEM_LIMIT=7G expect "what no option sets stays in the environment" 0 7G "" \
  "$hakmem" run --set PREWARM=0 -- printenv HAKMEM_LIMIT

refused "--limit with a word is refused, and what it takes is said" \
  "hakmem: HAKMEM_LIMIT=banana is not accepted (it takes a size in bytes such as 64M, from 0)" \
  run --limit=banana -- echo ran
refused "--set with a value out of range" \
  "hakmem: HAKMEM_WMAX_MID=0.5 is not accepted (it takes a ratio such as 1.60, \
from 1.00 to 1000.00)" \
  run --set WMAX_MID=0.5 -- echo ran
refused "--set with an empty value" "hakmem: HAKMEM_VERBOSE= is not accepted (it takes 0 or 1)" \
  run --set VERBOSE= -- echo ran
refused "--limit with an empty value" \
  "hakmem: HAKMEM_LIMIT= is not accepted (it takes a size in bytes such as 64M, from 0)" \
  run --limit= -- echo ran
refused "a value that holds a newline is still one line" \
  "hakmem: HAKMEM_VERBOSE=1?2 is not accepted (it takes 0 or 1)" \
  run --set $'VERBOSE=1\n2' -- echo ran
"$hakmem" run --limit=banana -- echo ran >"$work/out" 2>&-
same "a value is refused also where stderr is closed" "2 " "$? $(cat "$work/out")"
"$hakmem" run --limit=1G -- echo ran >"$work/out" 2>&-
same "a value is accepted also where stderr is closed" "0 ran" "$? $(cat "$work/out")"
refused "--set with an unknown name" \
  "hakmem: run: --set: this build has no such option: HAKMEM_BANANA" \
  run --set BANANA=1 -- echo ran
refused "--set with an unknown name and the prefix" \
  "hakmem: run: --set: this build has no such option: HAKMEM_BANANA" \
  run --set HAKMEM_BANANA=1 -- echo ran
refused "--set without a name" "hakmem: run: --set: this build has no such option: HAKMEM_" \
  run --set =1 -- echo ran
refused "--set without =" "hakmem: run: --set wants NAME=VALUE, not LIMIT" \
  run --set LIMIT -- echo ran
refused "--set before --" "hakmem: run: --set NAME=VALUE: the value is missing" \
  run --set -- echo ran
refused "--limit as the last word" "hakmem: run: --limit=SIZE: the value is missing" run --limit
refused "a switch with a value" "hakmem: run: --trace takes no value" run --trace=1 -- echo ran
refused "--profile without a file" "hakmem: run: --profile= wants a file" \
  run --profile= -- echo ran
refused "an unknown option" "hakmem: run: unknown word --banana (a command goes behind --)" \
  run --banana -- echo ran
refused "the beginning of an option" \
  "hakmem: run: unknown word --li=1G (a command goes behind --)" run --li=1G -- echo ran
refused "a command without --" "hakmem: run: unknown word echo (a command goes behind --)" \
  run echo ran
refused "no command" "hakmem: run: a command is missing (hakmem run --help)" run
refused "no command behind --" "hakmem: run: a command is missing (hakmem run --help)" run --

# From here on: what the options bring about in a program.
"$hakmem" run --stats -- true 2>"$work/err"
same "--stats shows the statistics on stderr" "0 1" "$? $(grep -c '^heap.live_bytes ' "$work/err")"
"$hakmem" run -- true 2>"$work/err"
same "without --stats there are none" "0 " "$? $(cat "$work/err")"
mkdir "$work/elsewhere"
if has_option HAKMEM_LOG; then
  expect "--stats=FILE leaves stderr alone" 0 "" "" \
    "$hakmem" run "--stats=a file" -- env -C elsewhere perl -e 0
  same "--stats=FILE writes there, wherever the program goes" "1" \
    "$(grep -c '^hakmem .* perl, ' "$work/a file")"
else
  refused "--stats=FILE is refused where this build has no log file" \
    "hakmem: run: --stats=a file: this build has no such option: HAKMEM_LOG" \
    run "--stats=a file" -- echo ran
fi
refused "--stats= without a file" "hakmem: run: --stats= wants a file" run --stats= -- echo ran

job=(dd if=/dev/zero of=/dev/null bs=256M count=1 status=none)
expect "--limit stops a program that needs more" 1 "" \
  "dd: memory exhausted by input buffer of size 268435456 bytes (256 MiB)" \
  "$hakmem" run --limit=64M -- "${job[@]}"
expect "--limit lets a program be that needs less" 0 "" "" \
  "$hakmem" run --limit=1G -- "${job[@]}"
finish
