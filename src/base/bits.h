/* bits - words of bits, powers of two, rounding. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include "base/cc.h"

/* The index of the lowest set bit. W is not 0. */
ALWAYS_INLINE unsigned bit_lowest(uint64_t w) {
  return (unsigned)__builtin_ctzll(w);
}

/* The index of the highest set bit. W is not 0. */
ALWAYS_INLINE unsigned bit_highest(uint64_t w) {
  return 63u - (unsigned)__builtin_clzll(w);
}

/* By halves: without -mpopcnt, which the oldest x86-64 lacks, the builtin is a call into libgcc. */
ALWAYS_INLINE unsigned bit_count(uint64_t w) {
  w -= (w >> 1) & 0x5555555555555555u;
  w = (w & 0x3333333333333333u) + ((w >> 2) & 0x3333333333333333u);
  w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return (unsigned)((w * 0x0101010101010101u) >> 56);
}

/* N set bits from bit FROM on; 1 <= N <= 64. */
ALWAYS_INLINE uint64_t bit_span(unsigned from, unsigned n) {
  return (~(uint64_t)0 >> (64 - n)) << from;
}

/* Bit i says that the bits i..i+n-1 of W are set. 1 <= N <= 64. Each step doubles what is known. */
ALWAYS_INLINE uint64_t bit_run_starts(uint64_t w, unsigned n) {
  for (unsigned have = 1; have < n && w;) {
    unsigned step = have < n - have ? have : n - have;
    w &= w >> step;
    have += step;
  }
  return w;
}

ALWAYS_INLINE bool is_power_of_two(size_t n) {
  return n && !(n & (n - 1));
}

/* Rounds N up to a multiple of the power of two TO. The sum must fit. */
ALWAYS_INLINE size_t round_up(size_t n, size_t to) {
  return (n + to - 1) & ~(to - 1);
}

ALWAYS_INLINE size_t min_size(size_t a, size_t b) {
  return a < b ? a : b;
}

ALWAYS_INLINE size_t max_size(size_t a, size_t b) {
  return a > b ? a : b;
}

#endif
