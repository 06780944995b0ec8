#!/bin/bash
# bash and the tools of every script: sort on two threads, awk, sed, tar, and bash's own arrays.
. "$(dirname "$0")/lib.sh"

what="bash, sort, awk, sed and tar"
open_work "$what"

awk 'BEGIN {
  seed = 11
  for (i = 0; i < 400000; i++) {
    seed = (seed * 16807) % 2147483647
    printf "%d field%d %x the line %d\n", seed % 100003, seed % 997, seed, i
  }
}' >"$work/lines"

count_words() {
  local -A count=()
  local word line i=0
  while read -r line && ((i++ < 20000)); do
    for word in $line; do count[${word:0:4}]=$((${count[${word:0:4}]:-0} + 1)); done
  done
  for word in "${!count[@]}"; do echo "$word ${count[$word]}"; done | sort
}

# Associative arrays, pattern substitution, recursion and command substitution in bash alone.
shell_work() {
  local text='' i
  count_words <"$work/lines"
  for i in {1..3000}; do text+="$i ${text: -40} "; done
  text=${text//1/one }
  echo "${#text} ${text:1000:60}"
  for i in {1..60}; do text=$(printf '%s' "${text:0:20000}" | tr 0-9 1-90); done
  echo "$text" | cksum
}
export -f count_words shell_work

workload() {
  sort --parallel=2 -S 20M -k2,2 -k1,1n "$work/lines" >sorted
  sort --parallel=2 -S 200M -u -t ' ' -k3,3r "$work/lines" | cksum
  awk '{ count[$2]++; text[$1 % 5000] = text[$1 % 5000] substr($3, 1, 3) }
       END { for (k in count) print k, count[k]; for (k in text) print k, text[k] }' \
    "$work/lines" | sort | cksum
  # Not in a pipe: the statistics of two that end at once mix, line by line.
  sed -E 's/([a-z]+)([0-9]+)/\2\1/g; y/abc/ABC/; /77/{N;s/\n/+/}' "$work/lines" >edited
  cksum <edited
  tar --sort=name --mtime=@0 --owner=0 --group=0 -cf - sorted | tar -xOf - | cmp - sorted
  split -l 4000 sorted part. && cat part.* | cmp - sorted && rm part.*
  bash -c shell_work
}
export -f workload

brief() {
  head -n 2000 "$work/lines" | awk '{ n[$2]++ } END { print length(n) }' | sort | sed s/a/b/
  tar -cf - -C "$work" lines | tar -tf -
}
export -f brief

real_program "$what" "bash sed" workload
bound "$what" brief awk sort tar
finish
