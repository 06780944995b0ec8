# redis - the client of the redis row: waits for the server on the socket in the current directory,
# gives it fixed commands and then the load of redis-benchmark, and stops it. Reads the commands on
# standard input. Prints the digest of the data set after them, which no allocator may change.
set -eu

ask() { redis-cli -s socket "$@"; }

ready() {
  local i
  for i in {1..200}; do
    [[ $(ask ping 2>/dev/null) == PONG ]] && return
    sleep 0.05
  done
  echo "the server does not answer" >&2
  return 1
}

ready
ask --pipe | grep errors
ask debug digest
ask dbsize
redis-benchmark -s socket -q -n 50000 -c 20 -P 16 -d 300 -r 50000 \
  -t set,get,lpush,lpop,sadd,hset,zadd,mset >/dev/null
redis-benchmark -s socket -q -n 15000 -c 20 -P 4 -d 3000 -r 5000 -t set,get,lrange_100 >/dev/null
ask shutdown nosave
