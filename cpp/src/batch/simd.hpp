// Doubles side by side in vector registers, one of each matrix. Private to cpp/src; for the bodies
// of RANKME_MULTIVERSION functions.
#pragma once

#include <cstdint>

namespace rankme {

// Four and not eight a register: compilers turn comparisons and choices of vectors wider than the
// register into scalar code.
constexpr int register_lanes = 4;
// What waits for a division or a root in one register computes in the other meanwhile.
constexpr int registers = 2;
constexpr int lanes = registers * register_lanes;

typedef double SimdDouble
    __attribute__((vector_size(register_lanes * sizeof(double)), aligned(8), may_alias));
// What a comparison of two of them gives: all ones or all zeros a lane. `mask ? x : y` selects.
typedef std::int64_t SimdMask __attribute__((vector_size(register_lanes * sizeof(std::int64_t))));

// The i-th register's worth of an array of doubles. Macros and not functions: what takes or returns
// such a type has another ABI on each processor.
#define RANKME_SIMD(from, i) (*reinterpret_cast<SimdDouble*>((from) + (i) * register_lanes))
#define RANKME_CONST_SIMD(from, i) \
  (*reinterpret_cast<const SimdDouble*>((from) + (i) * register_lanes))

}  // namespace rankme
