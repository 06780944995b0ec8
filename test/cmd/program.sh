#!/bin/bash
# program - the program behind `--`: its words, its exit status, its descriptors; and the warnings
# of those that cannot be served.
source "$(dirname "$0")/parts/lines.sh"
cd "$work" || exit 1

"$hakmem" run --set VERBOSE=1 -- cat /dev/null 2>"$work/err"
same "the program is served by hakmem" "0 served" \
  "$? $(one_banner "$work/err" cat && echo served)"

expect "its words arrive as they are" 0 "[a b][][*][--limit=1G][--][--help]" "" \
  "$hakmem" run -- printf '[%s]' "a b" "" "*" --limit=1G -- --help
cp "$(type -P printenv)" "$work/a name"
expect "a program whose name holds a blank" 0 "/tmp/a dir" "" \
  env V="/tmp/a dir" "$hakmem" run -- "./a name" V
for status in 0 1 2 42 125 255; do
  expect "the exit status $status is the program's" $status "" "" \
    "$hakmem" run -- sh -c "exit $status"
done
# shellcheck disable=SC2016 # the program that is run expands it
"$hakmem" run -- sh -c 'kill -TERM $$'
same "a signal that ends the program is seen" 143 $?
# shellcheck disable=SC2016
"$hakmem" run -- sh -c 'echo $$' >"$work/out" &
wait $!
same "the program takes the place of the command" $! "$(cat "$work/out")"

# A directory of PATH that may not be read would make it 126, as with env.
PATH=/usr/bin:/bin expect "a program that is not there is status 127" 127 "" \
  "hakmem: run: no-such-program: No such file or directory" "$hakmem" run -- no-such-program
expect "a path that is not there is status 127" 127 "" \
  "hakmem: run: ./no/such: No such file or directory" "$hakmem" run -- ./no/such
expect "an empty name is status 127" 127 "" \
  "hakmem: run: : No such file or directory" "$hakmem" run -- ""
expect "a directory is status 126" 126 "" "hakmem: run: /: Permission denied" "$hakmem" run -- /
echo 'echo ran' >"$work/script"
expect "a file without permission is status 126" 126 "" \
  "hakmem: run: ./script: Permission denied" "$hakmem" run -- ./script
chmod +x "$work/script"
expect "a script without #! runs, as with env" 0 ran "" "$hakmem" run -- ./script
PATH=/usr/bin:/bin expect "a word that looks like an option may be the program" 127 "" \
  "hakmem: run: --version: No such file or directory" "$hakmem" run -- --version

env ls /proc/self/fd >"$work/plain"
expect "no descriptor is left open for the program" 0 "$(cat "$work/plain")" "" \
  "$hakmem" run --limit=1G -- ls /proc/self/fd
"$hakmem" run --limit=1G -- sh -c '[ -e /proc/self/fd/0 ] || echo closed' >"$work/out" <&-
same "a stream that was closed is closed for the program" closed "$(cat "$work/out")"

echo 'int main(void) { return 7; }' >"$work/static.c"
if "${CC:-cc}" -static -o "$work/static" "$work/static.c" 2>/dev/null; then
  expect "a static program is named, and runs" 7 "" \
    "hakmem: run: warning: ./static is statically linked: it runs without hakmem" \
    "$hakmem" run -- ./static
  mkdir -p "$work/first/static" "$work/second" # a directory is passed over
  mv "$work/static" "$work/second/"
  PATH=$work/first:$work/second:$PATH expect "a static program in PATH is named" 7 "" \
    "hakmem: run: warning: $work/second/static is statically linked: it runs without hakmem" \
    "$hakmem" run -- static
  cd "$work/second" || exit 1
  PATH=:$PATH expect "a static program in an empty entry of PATH is named" 7 "" \
    "hakmem: run: warning: static is statically linked: it runs without hakmem" \
    "$hakmem" run -- static
  cd "$work" || exit 1
else
  skip "a static program is named, and runs" "a compiler that links statically"
fi

cp "$(type -P true)" "$work/foreign"
printf '\377\377' | dd of="$work/foreign" bs=1 seek=18 conv=notrunc status=none # e_machine
"$hakmem" run -- ./foreign 2>"$work/err"
same "a program of another machine is named" \
  "hakmem: run: warning: ./foreign is made for another machine: it runs without hakmem" \
  "$(head -n 1 "$work/err")"

cp "$(type -P true)" "$work/privileged"
if [ "$(id -u)" = 0 ] && chown nobody "$work/privileged" && chmod 4755 "$work/privileged"; then
  "$hakmem" run -- ./privileged 2>"$work/err"
  same "a set-user-ID program is named, and runs" "0 hakmem: run: warning: ./privileged is \
set-user-ID or set-group-ID: it runs without hakmem" "$? $(grep '^hakmem' "$work/err")"
else
  skip "a set-user-ID program is named, and runs" "the right to make one"
fi
chmod 4755 "$work/a name"
expect "one that is set to the user's own ID is not" 0 1 "" env V=1 "$hakmem" run -- "./a name" V
finish
