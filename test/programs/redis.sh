#!/bin/bash
# redis-server under redis-benchmark on a unix socket: traffic, a save in a forked child during the
# traffic, a reload, a restart from the saved file, eviction by used memory (which redis sums from
# malloc_usable_size), a clean shutdown. Digests of the whole data set must be the same.
. "$(dirname "$0")/lib.sh"

what="redis-server under redis-benchmark"
need redis-server redis-server "$what"
need redis-benchmark redis-tools "$what"
open_work "$what"

awk -f "$input/commands.awk" >"$work/commands"

ask() { redis-cli -s socket "$@"; }

start_server() {
  redis-server --port 0 --unixsocket "$PWD/socket" --dir "$PWD" --save "" --appendonly no \
    --enable-debug-command local --logfile "$PWD/log" "$@" &
  server=$!
  local i
  for i in {1..200}; do
    [[ $(ask ping 2>/dev/null) == PONG ]] && return
    sleep 0.05
  done
  tail log >&2
  return 1
}

stop_server() {
  ask shutdown "$@"
  wait "$server"
}

# field NAME: one field of INFO.
field() { ask info | tr -d '\r' | awk -F : -v name="$1" '$1 == name { print $2 }'; }

wait_for_save() {
  local i
  for i in {1..400}; do
    [[ $(field rdb_bgsave_in_progress) == 0 ]] && break
    sleep 0.05
  done
  field rdb_last_bgsave_status
}
export -f ask start_server stop_server field wait_for_save

workload() {
  local tests=set,get,incr,lpush,rpush,lpop,sadd,hset,zadd,zpopmin,lrange_100,mset
  start_server
  trap 'kill "$server" 2>/dev/null' EXIT # when a step below fails, not after a shutdown
  redis-benchmark -s socket -q -n 15000 -c 20 -P 8 -d 200 -r 3000 -t $tests >/dev/null
  ask flushall async
  ask --pipe <"$work/commands" | grep errors
  ask debug digest >before
  ask bgsave
  redis-benchmark -s socket -q -n 15000 -c 20 -d 3000 -t set,lpush,hset --threads 2 >/dev/null
  wait_for_save
  ask debug reload
  ask dbsize
  ask debug digest
  ask config set maxmemory 8mb maxmemory-policy allkeys-lru
  redis-benchmark -s socket -q -n 30000 -P 8 -d 1000 -r 100000 -t set >/dev/null
  (($(field used_memory) < 9000000 && $(field evicted_keys) > 1000)) && echo evicts
  stop_server nosave
  start_server
  ask debug digest | cmp - before && echo the save holds what was there
  ask dbsize
  stop_server save
  grep -c 'Redis is now ready to exit' log
  trap - EXIT
  rm log dump.rdb before
}
export -f workload

real_program "$what" "redis-server redis-benchmark redis-cli" workload
finish
