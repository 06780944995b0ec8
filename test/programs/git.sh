#!/bin/bash
# git: hundreds of commits, a merge, an aggressive gc on two threads, log, blame, diff and fsck.
# Dates and names are fixed, so every hash must be the same.
. "$(dirname "$0")/lib.sh"

what="git with hundreds of commits"
need git git "$what"
open_work "$what"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 HOME=$work
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=C
export GIT_COMMITTER_EMAIL=c@example.org

# A stream of 600 commits over 40 files, for git fast-import.
awk 'BEGIN {
  seed = 7
  for (c = 1; c <= 600; c++) {
    printf "commit refs/heads/%s\n", c % 3 ? "main" : "side"
    printf "committer C <c@example.org> %d +0000\ndata 9\nstep %04d\n", 1600000000 + c * 60, c
    if (c == 3) print "from refs/heads/main"
    seed = (seed * 16807) % 2147483647
    text = ""
    for (line = 1; line <= 150; line++)
      text = text "line " line " of " (line % (c % 40 + 2) ? line * 31 : c) "\n"
    printf "M 100644 inline %s/file%d.txt\ndata %d\n%s\n", c % 3 ? "a" : "b", seed % 40,
      length(text), text
  }
}' >"$work/stream"

build_history() {
  git init -q -b main repository && cd repository
  git config pack.threads 2
  git config gc.auto 0
  git fast-import --quiet <"$work/stream"
  git checkout -q main
  local i
  for i in {1..25}; do
    export GIT_AUTHOR_DATE="$((1650000000 + i)) +0000"
    export GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
    sed -i "$((i * 3))s/.*/edited $i/" a/*.txt
    git add -A
    git commit -q -m "edit $i"
  done
  git merge -q -m "merge the side" side
}
export -f build_history

workload() {
  build_history
  git rev-parse HEAD
  git gc --quiet --aggressive
  git fsck --full --strict --no-progress
  git count-objects -v | grep -E '^(count|in-pack|packs|garbage)'
  git rev-list --objects --all | sort
  git log --stat --graph --all | tail -n 4000
  git blame -s a/file1.txt
  git diff --word-diff HEAD~20 HEAD
  git log -p -M --follow -- a/file3.txt
  git archive HEAD | tar -tv
  git grep -n 'edited 2[0-9]'
  cd .. && rm -rf repository
}
export -f workload

real_program "$what" git workload
finish
