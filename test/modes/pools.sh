#!/bin/bash
# pools - HAKMEM_TINY_SS_SHARED: 2 and 1 share superslabs between threads, 0 gives each its own.
source "$(dirname "$0")/parts/lines.sh"
builds pools

# pools_are PROMISE WANTED VARIABLE=VALUE...
pools_are() {
  local promise=$1 wanted=$2
  shift 2
  same "$promise" "$wanted" "$(env "LD_PRELOAD=$library" "$@" "$work/pools" 2>&1)"
}

pools_are "by default two threads' slabs share superslabs" together HAKMEM_VERBOSE=0
pools_are "mode 2: so they do" together HAKMEM_TINY_SS_SHARED=2
pools_are "mode 1: so they do while the shared pool serves" together HAKMEM_TINY_SS_SHARED=1
pools_are "mode 0: no superslab holds slabs of two threads" apart HAKMEM_TINY_SS_SHARED=0
for mode in 0 1 2; do
  same "mode $mode: random work by 8 threads keeps content, and the invariants hold" "status 0" \
    "$(HAKMEM_TINY_SS_SHARED=$mode HAK_LIB=$library "$build/test/race/stress" 8 1s 2>&1 |
      grep -v '^pass' | head -n 5
      echo "status ${PIPESTATUS[0]}")"
  same "mode $mode: at HAKMEM_LIMIT the next request is NULL, not another heap's" refused \
    "$(HAKMEM_TINY_SS_SHARED=$mode HAKMEM_LIMIT=8M LD_PRELOAD=$library "$work/pools" &>/dev/null
      [ $? = 3 ] && echo refused)"
done
finish
