// Four doubles that a vector register holds, one in each of its lanes. Private to cpp/src; for the
// bodies of RANKME_MULTIVERSION functions.
#pragma once

#include <cstdint>

namespace rankme {

// Four and not eight: compilers turn comparisons and choices of vectors wider than the register
// into scalar code, and with two registers for every eight AVX-512 gains nothing here.
constexpr int lanes = 4;

typedef double SimdDouble
    __attribute__((vector_size(lanes * sizeof(double)), aligned(8), may_alias));
// What a comparison of two of them gives: all ones or all zeros a lane. `mask ? x : y` selects.
typedef std::int64_t SimdMask __attribute__((vector_size(lanes * sizeof(std::int64_t))));

// The i-th four of an array of doubles. Macros and not functions: what takes or returns such a
// type has another ABI on each processor.
#define RANKME_SIMD(from, i) (*reinterpret_cast<SimdDouble*>((from) + (i) * lanes))
#define RANKME_CONST_SIMD(from, i) (*reinterpret_cast<const SimdDouble*>((from) + (i) * lanes))

}  // namespace rankme
