#!/bin/bash
# words - the words of the command that belong to no subcommand, and what is said of others.
source "$(dirname "$0")/parts/lines.sh"

version=$(sed -nE 's/^#define HAKMEM_VERSION "(.*)"$/\1/p' "$root/include/hakmem.h")
expect "--version prints the version of the header" 0 "hakmem $version" "" "$hakmem" --version

# help_of PROMISE FIRST_LINE WORD...
help_of() {
  local promise=$1 first=$2
  shift 2
  "$hakmem" "$@" >"$work/out" 2>"$work/err"
  same "$promise" "0 $first" "$? $(head -n 1 "$work/out")$(cat "$work/err")"
}
help_of "--help prints the usage" "usage: hakmem SUBCOMMAND [WORD]..." --help
help_of "run --help prints its usage" "usage: hakmem run [OPTION]... -- COMMAND [ARG]..." run --help
help_of "env --help prints its usage" "usage: hakmem env" env --help
help_of "run --help counts behind an option, too" \
  "usage: hakmem run [OPTION]... -- COMMAND [ARG]..." run --set VERBOSE=0 --help

"$hakmem" --help >"$work/out"
for word in "hakmem run" "hakmem env" "--help" "--version"; do
  grep -qF -- "$word" "$work/out" || fail "--help names every subcommand" "not $word"
done
same "--help names every subcommand" 0 "$failures"

"$hakmem" run --help >"$work/out"
missing=
for word in "--stats[=FILE]" --trace --check --secure --profile=FILE --limit=SIZE \
  "--set NAME=VALUE"; do
  grep -qE "^  ${word//[[]/\\[}  *[a-z]" <(sed 's/=FILE\]/=FILE]/' "$work/out") ||
    missing="$missing $word"
done
same "run --help explains every option" "" "$missing"

wrong=
while read -r flag variable; do
  has_option "$variable" && marked=0 || marked=1
  [ "$(grep -- "^  $flag" "$work/out" | grep -c "(not in this build)")" = $marked ] ||
    wrong="$wrong $flag"
done <<'END'
--stats HAKMEM_SHOW_STATS
--trace HAKMEM_ACE_TRACE
--check HAKMEM_TINY_SLL_VALIDATE_HDR
--secure HAKMEM_SECURE
--profile HAKMEM_PROFILE
--limit HAKMEM_LIMIT
END
same "run --help marks the options that this build lacks, and no other" "" "$wrong"

refused "without a word, it asks for one" \
  "hakmem: a subcommand is missing (hakmem --help lists them)"
for word in frobnicate --frobnicate -h RUN runs ""; do
  refused "the unknown word '$word' is refused" \
    "hakmem: unknown word $word (hakmem --help lists the subcommands)" "$word" true
done
refused "a word that holds a newline is still one line" \
  "hakmem: unknown word a?b (hakmem --help lists the subcommands)" $'a\nb'
refused "env refuses words" "hakmem: env: unknown word all (hakmem env --help)" env all
refused "env refuses a word before --help" \
  "hakmem: env: unknown word all (hakmem env --help)" env all --help

for words in --help --version "run --help" "env --help" env; do
  # shellcheck disable=SC2086 # the words are several
  "$hakmem" $words >/dev/full 2>"$work/err"
  same "$words reports that its output cannot be written" \
    "125 hakmem: cannot write: No space left on device" "$? $(cat "$work/err")"
  # shellcheck disable=SC2086
  "$hakmem" $words >&- 2>"$work/err"
  same "$words reports that there is nothing to write to" \
    "125 hakmem: cannot write: Bad file descriptor" "$? $(cat "$work/err")"
done
finish
