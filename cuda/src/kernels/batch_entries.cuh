// Entries of any dtype, 16 bytes at a time, on their way into float64.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#ifdef __CUDACC__
#include <cuda_fp16.h>
#endif

#include "batch_team.cuh"
#include "batch_types.hpp"

namespace rankme::cuda::batch {

template <class To, class From>
RANKME_DEVICE To bits_to(From from) {
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

// How each dtype is stored, what marks NaN and infinity, and its value.
struct Float16 {
  using Bits = std::uint16_t;
  static constexpr Bits magnitude = 0x7fff;
  static constexpr Bits nonfinite = 0x7c00;
  static RANKME_DEVICE double value(Bits bits) {
#ifdef __CUDA_ARCH__
    return static_cast<double>(__half2float(__ushort_as_half(bits)));
#else
    const std::uint32_t mag = bits & magnitude;
    const double size = mag < 0x0400u ? static_cast<double>(mag) * 0x1p-24
                        : mag < nonfinite
                            ? std::ldexp(1024.0 + (mag & 0x3ffu), static_cast<int>(mag >> 10) - 25)
                        : mag == nonfinite ? HUGE_VAL
                                           : NAN;
    return (bits & 0x8000u) != 0 ? -size : size;
#endif
  }
};

struct BFloat16 {
  using Bits = std::uint16_t;
  static constexpr Bits magnitude = 0x7fff;
  static constexpr Bits nonfinite = 0x7f80;
  static RANKME_DEVICE double value(Bits bits) {
    return static_cast<double>(bits_to<float>(static_cast<std::uint32_t>(bits) << 16));
  }
};

struct Float32 {
  using Bits = std::uint32_t;
  static constexpr Bits magnitude = 0x7fffffff;
  static constexpr Bits nonfinite = 0x7f800000;
  static RANKME_DEVICE double value(Bits bits) { return static_cast<double>(bits_to<float>(bits)); }
};

struct Float64 {
  using Bits = std::uint64_t;
  static constexpr Bits magnitude = 0x7fffffffffffffff;
  static constexpr Bits nonfinite = 0x7ff0000000000000;
  static RANKME_DEVICE double value(Bits bits) { return bits_to<double>(bits); }
};

// Squares of the other dtypes neither leave float64's range nor lose bits there.
template <class Entry>
constexpr bool squares_may_overflow = sizeof(typename Entry::Bits) == 8;

// Of aligned memory that nobody writes meanwhile.
template <class T>
RANKME_DEVICE T read(const unsigned char* at) {
#ifdef __CUDA_ARCH__
  return *reinterpret_cast<const T*>(at);
#else
  // A GPU traps here, and what stands in for it does too.
  if (reinterpret_cast<std::uintptr_t>(at) % sizeof(T) != 0) {
    throw std::logic_error("an address that is not aligned is read");
  }
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
#endif
}

template <class Bits>
RANKME_DEVICE Bits read_entry(const unsigned char* at, Access access) {
  if (access != Access::bytes) return read<Bits>(at);
  Bits bits = 0;
  for (int i = 0; i < static_cast<int>(sizeof(Bits)); ++i) {
    bits = static_cast<Bits>(bits | static_cast<Bits>(at[i]) << (8 * i));
  }
  return bits;
}

struct alignas(16) Words {
  std::uint32_t w[4];
};

// Consecutive entries of one vector, as they lie in memory.
template <class Entry>
struct Packet {
  using Bits = typename Entry::Bits;
  static constexpr int entries = 16 / static_cast<int>(sizeof(Bits));

  Words words;

  RANKME_DEVICE double value(int s) const {
    if constexpr (sizeof(Bits) == 2) {
      return Entry::value(static_cast<Bits>(words.w[s / 2] >> (16 * (s % 2))));
    } else if constexpr (sizeof(Bits) == 4) {
      return Entry::value(words.w[s]);
    } else {
      return Entry::value(static_cast<std::uint64_t>(words.w[2 * s + 1]) << 32 | words.w[2 * s]);
    }
  }

  RANKME_DEVICE void set(int s, Bits bits) {
    if constexpr (sizeof(Bits) == 2) {
      words.w[s / 2] |= static_cast<std::uint32_t>(bits) << (16 * (s % 2));
    } else if constexpr (sizeof(Bits) == 4) {
      words.w[s] = bits;
    } else {
      words.w[2 * s] = static_cast<std::uint32_t>(bits);
      words.w[2 * s + 1] = static_cast<std::uint32_t>(bits >> 32);
    }
  }
};

// Entries k, k + 1, ... of a vector, k a multiple of their number; zeros beyond the last entry, and
// beyond the last vector.
template <class Entry>
RANKME_DEVICE Packet<Entry> load_packet(const Matrix& z, int vector, std::int64_t k) {
  using P = Packet<Entry>;
  P packet{};
  if (vector >= z.order || k >= z.length) return packet;
  const unsigned char* at = z.data + vector * z.stride + k * z.step;
  if (z.access == Access::packets && k + P::entries <= z.length) {
    packet.words = read<Words>(at);
    return packet;
  }
  RANKME_UNROLL
  for (int s = 0; s < P::entries; ++s) {
    if (k + s < z.length) {
      packet.set(s, read_entry<typename Entry::Bits>(at + s * z.step, z.access));
    }
  }
  return packet;
}

}  // namespace rankme::cuda::batch
