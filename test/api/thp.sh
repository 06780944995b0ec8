#!/bin/bash
# thp - what HAKMEM_THP makes of superslabs and huge mappings, as the kernel shows it.
source "$(dirname "$0")/parts/lines.sh"
workspace

setting=$(sed -nE 's/.*\[(.*)\].*/\1/p' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null)

if ! [ "$setting" ]; then
  echo "skip: HAKMEM_THP reaches the kernel: a kernel with transparent huge pages"
elif compile "$work/thp" "$parts/thp.c" -ldl; then
  for mode in auto default always never; do
    run_program "HAKMEM_THP=$mode" thp \
      env "HAKMEM_THP=$mode" "LD_PRELOAD=$library" "$work/thp" "$mode" "$setting"
  done
else
  fail "thp: the program is built" "$compiler refuses it"
fi
finish
