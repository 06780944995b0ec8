#!/bin/bash
# tools/deps on a made-up machine: a PATH of stubs and links, an apt-get that only takes notes.
set -u
deps=$(cd "$(dirname "$0")/../../tools" && pwd)/deps
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0

# tell STATUS PROMISE SEEN: the promise holds when STATUS, of the test before it, is 0.
tell() {
  if [ "$1" -eq 0 ]; then
    echo "pass: deps $2"
  else
    echo "FAIL: deps $2: $(tr '\n' '|' <<<"$3")"
    failed=1
  fi
}

stub() {
  printf '#!/bin/bash\n%s\n' "$2" >"$tmp/bin/$1"
  chmod +x "$tmp/bin/$1"
}

# A new machine: nothing missing, apt-get present. Its apt-get writes its arguments to apt.log, then
# makes the packages named in the file `ships` appear as commands of the same name; as the real one
# it does nothing at all when it does not know one of them (`nowhere`).
machine() {
  local name
  rm -rf "$tmp/bin" "$tmp/root" "$tmp/apt.log" "$tmp/ships"
  mkdir -p "$tmp/bin" "$tmp/root/usr/include" "$tmp/root/usr/sbin" "$tmp/root/var/lib/apt/lists"
  for name in bash sh env true id uname mktemp rm cat chmod mv grep tail flock mkdir; do
    ln -s "$(type -P $name)" "$tmp/bin/$name"
  done
  for name in gcc make objdump g++ clang python3 sqlite3 perl; do stub $name true; done
  name=$tmp/root/usr/lib/llvm-14/lib/clang/14/lib/linux
  mkdir -p "$name" && touch "$name/libclang_rt.tsan-$(uname -m).a"
  touch "$tmp/root/usr/include/stdio.h" "$tmp/root/var/lib/apt/lists/x_Packages" "$tmp/ships"
  stub apt-get '
    echo "$@" >>"'"$tmp"'/apt.log"
    [ -x "$HAK_DEPS_ROOT/usr/sbin/policy-rc.d" ] && {
      "$HAK_DEPS_ROOT/usr/sbin/policy-rc.d" redis-server start
      echo "services $?" >>"'"$tmp"'/apt.log"
    }
    case " $* " in *" install "*) ;; *) exit 0 ;; esac
    for word; do [ "$word" = "'"${nowhere:-}"'" ] && exit 100; done
    for word; do
      grep -qx -- "$word" "'"$tmp"'/ships" && printf "#!/bin/sh\n" >"'"$tmp"'/bin/$word" &&
        chmod +x "'"$tmp"'/bin/$word"
    done
    exit 0'
}

# Runs deps as user ID; sets out and status.
run() {
  local id=$1
  shift
  rm -f "$tmp/bin/id"
  stub id "echo $id"
  out=$(cd / && PATH=$tmp/bin HAK_DEPS_ROOT=$tmp/root CC='' bash "$deps" "$@" 2>&1 </dev/null)
  status=$?
}

calls() { cat "$tmp/apt.log" 2>/dev/null; }
guard=$tmp/root/usr/sbin/policy-rc.d

machine
run 0 build
[ $status = 0 ] && [ -z "$out" ] && [ -z "$(calls)" ]
tell $? "says nothing and calls no apt when nothing is missing" "$status $out $(calls)"

machine
rm "$tmp/bin/gcc" "$tmp/bin/objdump"
run 1000 build
[ $status = 1 ] && grep -q 'install with: apt-get install gcc binutils$' <<<"$out"
tell $? "names the exact packages and fails where it may not install" "$status $out"
[ -z "$(calls)" ] && ! grep -q installing <<<"$out"
tell $? "calls no apt as a user without sudo" "$(calls)"

machine
rm "$tmp/bin/make"
stub sudo 'exit 1'
run 1000 run
[ $status = 1 ] && ! grep -q installing <<<"$out" && grep -q 'apt-get install make$' <<<"$out"
tell $? "does not install where sudo wants a password" "$status $out $(calls)"

machine
rm "$tmp/bin/make"
echo make >"$tmp/ships"
stub sudo '[ "$1" = -n ] && shift && exec "$@"'
run 1000 build
[ $status = 0 ] && [ -x "$tmp/bin/make" ] && grep -q ' install .* make$' <<<"$(calls)"
tell $? "installs through sudo" "$status $out $(calls)"

machine
run 1000 check
[ $status = 0 ] &&
  grep -q 'apt-get install clang-tidy .*redis-server .*z3 .*libtbbmalloc2$' <<<"$out"
tell $? "names what is optional and goes on" "$status $out"

machine
rm "$tmp/bin/g++"
run 1000 check
[ $status = 1 ] && grep -q 'missing: g++$' <<<"$out" && grep -q 'install g++ clang-tidy ' <<<"$out"
tell $? "tells required from optional" "$status $out"

machine
rm "$tmp/bin/gcc"
echo gcc >"$tmp/ships"
run 0 build
[ $status = 0 ] && [ -x "$tmp/bin/gcc" ] && ! grep -q update <<<"$(calls)"
tell $? "installs as root, without fetching the lists that are there" "$status $out $(calls)"
grep -q 'services 101' <<<"$(calls)" && [ ! -e "$guard" ]
tell $? "lets no service start while it installs, and removes its guard" \
  "$(calls) $(ls "$guard" 2>&1)"

machine
rm "$tmp/bin/gcc" "$tmp/root/var/lib/apt/lists/x_Packages"
echo gcc >"$tmp/ships"
run 0 build
[ $status = 0 ] && [ "$(grep -c update <<<"$(calls)")" = 1 ] &&
  grep -q update <<<"$(calls | head -n 1)"
tell $? "fetches missing lists once, first" "$status $out $(calls)"

machine
rm "$tmp/bin/gcc"
echo gcc >"$tmp/ships"
printf '#!/bin/sh\nexit 0\n' >"$guard"
chmod +x "$guard"
before=$(cat "$guard")
run 0 build
grep -q 'services 101' <<<"$(calls)" && [ "$(cat "$guard")" = "$before" ] && [ ! -e "$guard.saved" ]
tell $? "puts the machine's own policy for services back" "$(calls) $(cat "$guard")"

nowhere=z3 machine
echo redis-server >"$tmp/ships"
run 0 check
[ $status = 0 ] && [ -x "$tmp/bin/redis-server" ] && grep -q 'skipped: .*z3' <<<"$out"
tell $? "installs the rest when one package does not exist" "$status $out"

machine
rm "$tmp/bin/gcc"
run 0 build
[ $status = 1 ] && grep -q 'apt-get install gcc$' <<<"$out"
tell $? "fails when apt-get did not bring what is required" "$status $out"

machine
rm "$tmp/bin/gcc"
export HAK_NO_APT=1
run 0 build
unset HAK_NO_APT
[ $status = 1 ] && [ -z "$(calls)" ]
tell $? "installs nothing when told so" "$status $out $(calls)"

machine
run 0 everything
[ $status = 2 ] && grep -q usage <<<"$out"
tell $? "refuses an unknown group" "$status $out"

exit $failed
