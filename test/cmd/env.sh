#!/bin/bash
# env - the table of options, compared with the table in the source and with the library.
source "$(dirname "$0")/parts/lines.sh"

# row NAME: name, type, default and value of the option NAME.
row() { "$hakmem" env 2>/dev/null | awk -v name="$1" '$1 == name { print $1, $2, $3, $4 }'; }

"$hakmem" env >"$work/table" 2>"$work/err"
same "env ends with status 0 and says nothing on stderr" "0 " "$? $(cat "$work/err")"
same "env heads its columns" "NAME TYPE DEFAULT VALUE MEANING" \
  "$(head -n 1 "$work/table" | tr -s ' ')"
same "env lists every option of the source, in its order" \
  "$(sed -nE 's/^    \{"(HAKMEM_[A-Z_]+)", TYPE_.*/\1/p' "$root/src/diag/option.c")" \
  "$(tail -n +2 "$work/table" | cut -d ' ' -f 1)"
same "env gives every option a type" "$(grep -c '"HAKMEM_.*TYPE_' "$root/src/diag/option.c")" \
  "$(awk '$2 ~ /^(switch|count|bytes|ratio|path|word)$/' "$work/table" | wc -l)"

# Every column begins behind at least two blanks, at the same place in each line.
places=$(head -n 1 "$work/table" | grep -ob '[A-Z]*' | cut -d : -f 1 | tr '\n' ' ')
awk -v places="$places" '{ n = split(places, at, " ")
  for (i = 2; i <= n; i++)
    if (substr($0, at[i] - 1, 2) != "  " || substr($0, at[i] + 1, 1) == " ") print NR ":" at[i]
}' "$work/table" >"$work/out"
same "env aligns its columns" " 5" "$(cat "$work/out") $(wc -w <<<"$places")"

same "env shows a default" "HAKMEM_WMAX_MID ratio 1.60 1.60" "$(row HAKMEM_WMAX_MID)"
export HAKMEM_WMAX_MID=1.25 HAKMEM_LIMIT=64M
same "env shows a ratio in force beside its default" "HAKMEM_WMAX_MID ratio 1.60 1.25" \
  "$(row HAKMEM_WMAX_MID)"
same "env shows a size in force in bytes" "HAKMEM_LIMIT bytes 0 67108864" "$(row HAKMEM_LIMIT)"
unset HAKMEM_WMAX_MID HAKMEM_LIMIT

# one_warning PROMISE NAME=VALUE PATTERN: one line on stderr, which matches, and the whole table.
one_warning() {
  env "$2" "$hakmem" env >"$work/out" 2>"$work/err"
  same "$1" "0 1 1 same" "$? $(wc -l <"$work/err") $(grep -Ec "$3" "$work/err") $(
    cmp "$work/table" "$work/out" && echo same)"
}
one_warning "env names an unknown variable once" HAKMEM_BANANA=1 \
  '^hakmem: .*HAKMEM_BANANA[^A-Z_]'
one_warning "env names a value that is not accepted, and shows the default" HAKMEM_LIMIT=banana \
  '^hakmem: HAKMEM_LIMIT=banana .*takes a size'
expect "env does not take HAKMEM_LIBRARY for an option" 0 "$(cat "$work/table")" "" \
  env HAKMEM_LIBRARY=/nowhere "$hakmem" env
expect "env leaves alone what only begins like an option" 0 "$(cat "$work/table")" "" \
  env HAKMEMORY=1 "$hakmem" env

HAKMEM_BANANA=1 "$hakmem" run -- true 2>"$work/err"
same "run leaves an unknown variable to the library, which names it once" "0 1" \
  "$? $(grep -c HAKMEM_BANANA "$work/err")"
finish
