# lib - how the scripts of this directory report. Sourced by bash; they end by `exit "$failed"`.
failed=0

pass() { printf 'pass: %s\n' "$1"; }
skip() { printf 'skip: %s: %s\n' "$1" "$2"; }
fail() {
  printf 'FAIL: %s: %s\n' "$1" "$2"
  failed=1
}

# verdict PROMISE WRONG: holds when nothing is wrong.
verdict() { if [[ -z $2 ]]; then pass "$1"; else fail "$1" "$2"; fi; }
