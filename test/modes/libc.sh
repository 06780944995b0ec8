#!/bin/bash
# libc - HAKMEM_FORCE_LIBC_ALLOC, HAKMEM_LD_SAFE, HAKMEM_LD_BLOCK_JEMALLOC: who serves what, and
# that the heaps are never mixed.
source "$(dirname "$0")/parts/lines.sh"
builds heaps ask about
heaps=$work/heaps

# works NAME VARIABLE=VALUE...: what a program does in this mode, whoever serves it.
works() {
  local name=$1 seen
  shift
  on "$@" "$heaps" border
  same "$name: content is kept by realloc across 1 KiB, both ways" "0 border: 0 changed" \
    "$? $(out)$(err)"
  on "$@" "$heaps" wide
  same "$name: large blocks at alignments up to 64 MiB are given, resized and freed" \
    "0 wide: 0 bad" "$? $(out)$(err)"
  on "$@" "$heaps" apart
  same "$name: a block at a multiple of 64 MiB is taken back, wherever its mapping begins" \
    "0 apart: 0 bad" "$? $(out)$(err)"
  on "$@" "$heaps" blocked
  same "$name: blocks are taken back where the break could not grow" "0 blocked: 0 bad" \
    "$? $(out)$(err)"
  on "$@" GLIBC_TUNABLES=glibc.malloc.hugetlb=2 "$heaps" threads
  same "$name: four threads keep all content where libc maps its heaps in huge pages" \
    "0 threads: 0 changed" "$? $(out)$(err)"
  seen=""
  for seed in 1 2 3; do
    on "$@" "$heaps" mix $seed
    seen="$seen$? $(out)$(err),"
  done
  same "$name: three mixes of 20,000 operations keep all content" \
    "0 mix: 0 changed,0 mix: 0 changed,0 mix: 0 changed," "$seen"
  on "$@" "$heaps" threads
  same "$name: four threads that free each other's blocks keep all content" \
    "0 threads: 0 changed" "$? $(out)$(err)"
}

# owners PROMISE SMALL LARGE VARIABLE=VALUE...: how many of 50 small and 60 large are hakmem's.
owners() {
  local promise=$1 wanted="0 small $2 of 50, large $3 of 60"
  shift 3
  on "$@" "$heaps" owners
  same "$promise" "$wanted" "$? $(out)$(err)"
}

# programs NAME VARIABLE=VALUE...: real programs put out what they do without hakmem, and hakmem
# has handed out nothing.
programs() {
  local name=$1 wanted
  shift
  wanted=$(perl -e 'for (1..20000) { $h{$_ % 977} .= "x$_" } print length join ",", %h')
  on "$@" HAKMEM_SHOW_STATS=1 \
    perl -e 'for (1..20000) { $h{$_ % 977} .= "x$_" } print length join ",", %h'
  same "$name: perl puts out what it should, none of it from hakmem" "$wanted 0 0 0" \
    "$(out) $(tell front.blocks_refilled) $(tell pool.runs_taken) $(tell pool.huge_mapped)"
  if [ -x /usr/bin/python3 ]; then
    on "$@" HAKMEM_SHOW_STATS=1 /usr/bin/python3 -S -c 'import json, threading
found = []
def work(): found.append(len(json.dumps([[i, "x" * (i % 2000)] for i in range(2000)])))
threads = [threading.Thread(target=work) for i in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(set(found)), len(found))'
    same "$name: python with threads puts out what it should, none of it from hakmem" "1 4 0 0 0" \
      "$(out) $(tell front.blocks_refilled) $(tell pool.runs_taken) $(tell pool.huge_mapped)"
  else
    skip "$name: python with threads puts out what it should" "/usr/bin/python3"
  fi
}

# about PROMISE MALLINFO TRIM MALLOPT MALLOC_INFO VARIABLE=VALUE...: what parts/about.c prints.
about() {
  local promise=$1 wanted="0 mallinfo: $2|malloc_trim: $3|mallopt: $4|malloc_info: $5|"
  shift 5
  on "$@" "$work/about"
  same "$promise" "$wanted" "$? $(out | tr '\n' '|')$(err)"
}

owners "at the defaults all is hakmem's" 50 60
about "at the defaults mallinfo, malloc_trim and malloc_info are about hakmem's heap" "1 1" "1 1" \
  "1 0" hakmem HAKMEM_LD_SAFE=0
works "at the defaults"

for mode in HAKMEM_FORCE_LIBC_ALLOC=1 HAKMEM_LD_SAFE=2; do
  owners "$mode: nothing is hakmem's" 0 0 $mode
  on $mode HAKMEM_SHOW_STATS=1 "$heaps" threads
  same "$mode: no block left a slab, no run, no mapping, in four threads" "0 0 0 0" \
    "$(tell front.blocks_refilled) $(tell pool.runs_taken) $(tell pool.huge_mapped) \
$(tell super.mapped)"
  same "$mode: all that was freed went to libc" 1 "$(($(tell api.foreign_frees) > 60000))"
  about "$mode: mallinfo, malloc_trim, mallopt and malloc_info are about libc's heap" "1 1" "1 1" \
    "1 1" libc $mode
  works $mode $mode
  programs $mode $mode
done

owners "HAKMEM_LD_SAFE=1: hakmem's up to 1 KiB, libc's above" 50 0 HAKMEM_LD_SAFE=1
works HAKMEM_LD_SAFE=1 HAKMEM_LD_SAFE=1
on HAKMEM_LD_SAFE=1 "$work/about"
same "HAKMEM_LD_SAFE=1: mallinfo and malloc_trim are about hakmem's heap, not libc's" \
  "mallinfo: 0 0|0|" "$(out | sed -n '1p; 2s/.* //p' | tr '\n' '|')$(err)"
works "HAKMEM_LD_SAFE=1, validated" HAKMEM_LD_SAFE=1 HAKMEM_TINY_SLL_VALIDATE_HDR=1
owners "HAKMEM_LD_SAFE=0 and HAKMEM_FORCE_LIBC_ALLOC=0: all is hakmem's" 50 60 HAKMEM_LD_SAFE=0 \
  HAKMEM_FORCE_LIBC_ALLOC=0
owners "both: HAKMEM_FORCE_LIBC_ALLOC=1 goes before HAKMEM_LD_SAFE=1" 0 0 HAKMEM_LD_SAFE=1 \
  HAKMEM_FORCE_LIBC_ALLOC=1

for what in unmapped odd stack zeros; do
  on HAKMEM_LD_SAFE=1 "$heaps" astray $what
  same "HAKMEM_LD_SAFE=1: a pointer that is nobody's ($what) is still named" "134 1" \
    "$? $(grep -c 'hakmem: free of a pointer that no allocator owns' "$work/err")"
done

# What no allocator can give is NULL and ENOMEM whoever serves.
for mode in HAKMEM_FORCE_LIBC_ALLOC=1 HAKMEM_LD_SAFE=1 HAKMEM_LD_SAFE=0; do
  on $mode "$work/ask" malloc 18446744073709551615 calloc 4294967296 4294967296 \
    aligned 4096 18446744073709551615 realloc 18446744073709551615 \
    reallocarray 4294967296 4294967296
  same "$mode: impossible requests are NULL and ENOMEM" "5 0" \
    "$(grep -c ': NULL, errno ENOMEM$' "$work/out") $(grep -c given "$work/out")"
done

# --- jemalloc in the same process ---

jemalloc=$(ldconfig -p 2>/dev/null | awk '$1 == "libjemalloc.so.2" { print $NF; exit }')
if [ -n "$jemalloc" ]; then
  behind="LD_PRELOAD=$library $jemalloc"
  owners "HAKMEM_LD_BLOCK_JEMALLOC=1 beside jemalloc: nothing is hakmem's" 0 0 "$behind" \
    HAKMEM_LD_BLOCK_JEMALLOC=1
  works "HAKMEM_LD_BLOCK_JEMALLOC=1 beside jemalloc" "$behind" HAKMEM_LD_BLOCK_JEMALLOC=1
  owners "HAKMEM_LD_BLOCK_JEMALLOC=0 beside jemalloc: all is hakmem's" 50 60 "$behind" \
    HAKMEM_LD_BLOCK_JEMALLOC=0
  owners "unset, beside jemalloc: all is hakmem's" 50 60 "$behind"
else
  skip "HAKMEM_LD_BLOCK_JEMALLOC=1 beside jemalloc" "libjemalloc2"
fi
owners "HAKMEM_LD_BLOCK_JEMALLOC=1 without jemalloc: all is hakmem's" 50 60 \
  HAKMEM_LD_BLOCK_JEMALLOC=1
finish
