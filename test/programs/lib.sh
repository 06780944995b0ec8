# lib - what the scripts of this directory share. They source it; it is no test, so not executable.
#
# A script defines a shell function, the workload, which runs one real program in the current
# directory, an empty one, and leaves what the program made there. real_program runs the workload
# without hakmem, under it, and under it with its statistics, and compares the three byte by byte.
# What a workload needs (functions, variables) has to be exported: each run is a bash of its own.
#
# Environment: HAK_LIB       the library to preload, default $HAK_BUILD/libhakmem.so
#              HAK_TEST_ANY  1: HAK_LIB is some other allocator; who served cannot be proven
#              HAK_TEST_KEEP 1: keep the directory of a script in which something failed

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export input=$here/input
HAK_BUILD=${HAK_BUILD:-$here/../../build}
HAK_LIB=$(readlink -m "${HAK_LIB:-$HAK_BUILD/libhakmem.so}")
limit=${HAK_TEST_LIMIT:-120} # seconds that one run may take before it counts as hanging
failed=0

# Nothing of the user's own settings may reach the output of a program.
export LC_ALL=C TZ=UTC
unset LD_PRELOAD

pass() { printf 'pass: %s\n' "$1"; }
skip() { printf 'skip: %s: %s\n' "$1" "$2"; }
fail() {
  printf 'FAIL: %s: %s\n' "$1" "$2"
  failed=1
}

# Makes the script's own directory, exported as $work, and sees to its removal.
open_work() {
  if [[ ! -f $HAK_LIB ]]; then
    fail "$1" "there is no $HAK_LIB"
    exit 1
  fi
  work=$(mktemp -d "${TMPDIR:-/tmp}/hakmem-programs.XXXXXX") || exit 1
  mkdir "$work/tmp" || exit 1
  export work TMPDIR=$work/tmp # also for what a crashing program leaves behind
  trap close_work EXIT
  trap 'exit 130' INT TERM HUP
}

close_work() {
  if ((failed)) && [[ ${HAK_TEST_KEEP:-0} == 1 ]]; then
    echo "# kept: $work"
  else
    rm -rf "$work"
  fi
}

# need PROGRAM PACKAGE WHAT: ends the script with a skip line when the machine lacks PROGRAM.
need() {
  command -v "$1" >/dev/null && return
  skip "$3" "no $1 on this machine (Debian package $2)"
  exit 0
}

# run_once LABEL WORKLOAD [NAME=VALUE...]: runs the workload with the environment given; files,
# standard output, standard error and exit status are then under $work/LABEL. Every run has the
# same current directory, so that a path in the output is no difference.
run_once() {
  local label=$1 workload=$2 status=0 start=$EPOCHREALTIME
  shift 2
  mkdir "$work/run" "$work/$label" || exit 1
  (cd "$work/run" && exec timeout -k 5 "$limit" env "$@" bash -eo pipefail -c "$workload") \
    >"$work/$label/stdout" 2>"$work/$label/stderr" </dev/null || status=$?
  echo "$status" >"$work/$label/status"
  mv "$work/run" "$work/$label/files"
  seconds=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
}

# same WHAT LABEL: whether LABEL's run left what the plain run left, and ended as it did. The
# standard error of a run with statistics holds them, so only that of the quiet run is compared.
same() {
  local what=$1 label=$2 status part difference seen
  status=$(<"$work/$label/status")
  if [[ $status == 124 || $status == 137 ]]; then
    fail "$what" "it did not end within $limit seconds"
    return
  fi
  for part in status stdout files stderr; do
    [[ $part == stderr && $label != quiet ]] && continue
    difference=$(diff -r "$work/plain/$part" "$work/$label/$part" 2>&1 | head -n 4 | cut -c 1-300)
    [[ -z $difference ]] && continue
    seen="${difference//$'\n'/ | }$(last_words "$label")"
    fail "$what" "$part differs (exit status $status): $seen"
    return
  done
  pass "$what"
}

# The last lines that a failed run wrote to its standard error, for the failure's line.
last_words() {
  local text
  text=$(tail -n 3 "$work/$1/stderr" | cut -c 1-200)
  [[ -n $text ]] && printf ' | stderr: %s' "${text//$'\n'/ | }"
}

# silent WHAT LABEL...: whether hakmem reported no error in the runs named.
silent() {
  local what=$1 label report
  shift
  for label in "$@"; do
    report=$(grep -a -m 1 '^hakmem:' "$work/$label/stderr")
    [[ -z $report ]] && continue
    fail "$what" "$report"
    return
  done
  pass "$what"
}

# blocks_served FILE PROGRAM: the blocks that hakmem's statistics in FILE, which several processes
# may have written, say they refilled in processes whose name begins with PROGRAM.
blocks_served() {
  awk -v want="$2" '
    /^hakmem [0-9][^ ]*: pid [0-9]+ / { name = $5; sub(/.*\//, "", name) }
    $1 == "front.blocks_refilled" && index(name, want) == 1 { blocks += $2 }
    END { print blocks + 0 }' "$1"
}

# served WHAT LABEL PROGRAM: whether the statistics of the run prove that hakmem served PROGRAM.
served() {
  local what="$1: hakmem served $3"
  if [[ ${HAK_TEST_ANY:-0} == 1 ]]; then
    skip "$what" "HAK_TEST_ANY=1: $(basename "$HAK_LIB") writes no statistics"
  elif (($(blocks_served "$work/$2/stderr" "$3") > 0)); then
    pass "$what"
  else
    fail "$what" "no statistics of a process $3 with front.blocks_refilled above 0"
  fi
}

# bound WHAT WORKLOAD PROGRAM...: whether PROGRAM's calls of malloc go to the preloaded library, by
# the dynamic linker's own account. It stands in for the statistics with programs that close their
# standard error as they end, before any library could still write there.
bound() {
  local what=$1 workload=$2 program lines
  shift 2
  run_once bindings "$workload" LD_PRELOAD="$HAK_LIB" LD_DEBUG=bindings \
    LD_DEBUG_OUTPUT="$work/bindings-of"
  lines=$(grep -aFh "to $HAK_LIB [0]: normal symbol \`malloc'" "$work"/bindings-of.* 2>/dev/null)
  for program; do
    if [[ $lines == *[\ /]"$program [0]"* ]]; then
      pass "$what: hakmem's malloc is the one that $program calls"
    elif [[ -z $(cat "$work"/bindings-of.* 2>/dev/null | head -c 1) ]]; then
      skip "$what: hakmem's malloc is the one that $program calls" "a linker without LD_DEBUG"
    else
      fail "$what: hakmem's malloc is the one that $program calls" "no binding to $HAK_LIB"
    fi
  done
  rm -f "$work"/bindings-of.*
}

# real_program WHAT "PROGRAM..." WORKLOAD [COUNTED]: the three runs and their promises. PROGRAMs are
# the names of the processes that must have been served. COUNTED replaces the workload in the run
# with statistics where the program itself would trip over them; its output is then not compared.
real_program() {
  local what=$1 processes=$2 workload=$3 counted=${4:-$3} program plain quiet
  run_once plain "$workload"
  plain=$seconds
  if [[ $(<"$work/plain/status") != 0 ]]; then
    fail "$what: it works without hakmem" "exit status $(<"$work/plain/status")$(last_words plain)"
    return
  fi
  run_once quiet "$workload" LD_PRELOAD="$HAK_LIB"
  quiet=$seconds
  run_once counted "$counted" LD_PRELOAD="$HAK_LIB" HAKMEM_SHOW_STATS=1
  same "$what: the same output, files and exit status under hakmem" quiet
  [[ $counted == "$workload" ]] &&
    same "$what: the same output, files and exit status with statistics" counted
  silent "$what: hakmem reports no error" quiet counted
  for program in $processes; do served "$what" counted "$program"; done
  echo "# seconds: $what: $plain with libc, $quiet with hakmem, $seconds with statistics"
}

# Ends the script as the runner expects it.
finish() { exit "$failed"; }
