// The floating-point formats as they are stored, read by portable code. Private to cpp/src.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "multiversion.hpp"

namespace rankme {

// How each dtype is stored, the exponent bits that mark NaN and infinity, and its value. Bits and
// not floating-point comparisons find the largest magnitude: a NaN is then simply the largest.
struct Float16 {
  using Bits = std::uint16_t;
  static constexpr Bits magnitude = 0x7fff;
  static constexpr Bits nonfinite = 0x7c00;
  static RANKME_INLINE double value(Bits bits) {
    const std::uint32_t mag = bits & magnitude;
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    // The exponent's bias changes from 15 to 127; that of NaN and infinity stays the largest.
    const std::uint32_t bias = 112u << (mag >= nonfinite ? 24 : 23);
    const std::uint32_t normal = (mag << 13) + bias;
    // A subnormal becomes the fraction of a number that is none, less that number's leading one: no
    // subnormal is ever read, so it does not matter whether this thread flushes them to zero.
    constexpr std::uint32_t one = 113u << 23;
    const float fraction = std::bit_cast<float>(one + (mag << 13)) - std::bit_cast<float>(one);
    // Chosen by masks, since the compiler makes no vector code of a branch around a subtraction.
    const std::uint32_t tiny = mag < 0x0400u ? ~0u : 0u;
    const std::uint32_t size = (std::bit_cast<std::uint32_t>(fraction) & tiny) | (normal & ~tiny);
    return static_cast<double>(std::bit_cast<float>(size | sign));
  }
};

struct BFloat16 {
  using Bits = std::uint16_t;
  static constexpr Bits magnitude = 0x7fff;
  static constexpr Bits nonfinite = 0x7f80;
  static RANKME_INLINE double value(Bits bits) {
    return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16));
  }
};

struct Float32 {
  using Bits = std::uint32_t;
  static constexpr Bits magnitude = 0x7fffffff;
  static constexpr Bits nonfinite = 0x7f800000;
  static RANKME_INLINE double value(Bits bits) {
    return static_cast<double>(std::bit_cast<float>(bits));
  }
};

struct Float64 {
  using Bits = std::uint64_t;
  static constexpr Bits magnitude = 0x7fffffffffffffff;
  static constexpr Bits nonfinite = 0x7ff0000000000000;
  static RANKME_INLINE double value(Bits bits) { return std::bit_cast<double>(bits); }
};

template <class T>
RANKME_INLINE typename T::Bits load(const std::byte* at) {
  typename T::Bits bits;
  std::memcpy(&bits, at, sizeof bits);  // NumPy arrays need not be aligned
  return bits;
}

// One line along the fast axis. Returns the largest magnitude, as bits.
template <class T, bool write>
RANKME_INLINE std::uint64_t contiguous_line(const std::byte* from, std::int64_t count, double* to) {
  typename T::Bits largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const typename T::Bits bits = load<T>(from + i * static_cast<std::int64_t>(sizeof bits));
    const auto mag = static_cast<typename T::Bits>(bits & T::magnitude);
    largest = mag > largest ? mag : largest;
    if constexpr (write) to[i] = T::value(bits);
  }
  return largest;
}

}  // namespace rankme
