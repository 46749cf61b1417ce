#include "half.hpp"

#include "multiversion.hpp"
#include "stored.hpp"

#if RANKME_HAS_MULTIVERSION
// GCC's own header leaves a register that every lane overwrites undefined, and warns of it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include <algorithm>
#include <stdexcept>

namespace rankme::half {

namespace {

RANKME_MULTIVERSION std::uint64_t portable_line(const std::byte* from, std::int64_t count,
                                                double* to) {
  return contiguous_line<Float16, true>(from, count, to);
}

#if RANKME_HAS_MULTIVERSION

// VCVTPH2PS obeys no mode of the thread, and a subnormal half is a normal float.

__attribute__((target("avx2,f16c"))) std::uint64_t f16c_line(const std::byte* from,
                                                             std::int64_t count, double* to) {
  constexpr std::int64_t lanes = 8;
  const __m128i magnitude = _mm_set1_epi16(Float16::magnitude);
  __m128i largest = _mm_setzero_si128();
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2 * i));
    largest = _mm_max_epu16(largest, _mm_and_si128(bits, magnitude));
    const __m256 floats = _mm256_cvtph_ps(bits);
    _mm256_storeu_pd(to + i, _mm256_cvtps_pd(_mm256_castps256_ps128(floats)));
    _mm256_storeu_pd(to + i + 4, _mm256_cvtps_pd(_mm256_extractf128_ps(floats, 1)));
  }
  alignas(16) std::uint16_t each[lanes];
  _mm_store_si128(reinterpret_cast<__m128i*>(each), largest);
  const std::uint64_t whole = *std::max_element(each, each + lanes);
  return std::max(whole, contiguous_line<Float16, true>(from + 2 * i, count - i, to + i));
}

__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c"))) std::uint64_t avx512_line(
    const std::byte* from, std::int64_t count, double* to) {
  constexpr std::int64_t lanes = 16;
  const __m256i magnitude = _mm256_set1_epi16(Float16::magnitude);
  __m256i largest = _mm256_setzero_si256();
  for (std::int64_t i = 0; i < count; i += lanes) {
    const std::int64_t left = std::min(lanes, count - i);
    const auto mask = static_cast<__mmask16>((1u << left) - 1);
    const __m256i bits = _mm256_maskz_loadu_epi16(mask, from + 2 * i);
    largest = _mm256_max_epu16(largest, _mm256_and_si256(bits, magnitude));
    const __m512 floats = _mm512_cvtph_ps(bits);
    const __m256 upper = _mm512_extractf32x8_ps(floats, 1);
    _mm512_mask_storeu_pd(to + i, static_cast<__mmask8>(mask),
                          _mm512_cvtps_pd(_mm512_castps512_ps256(floats)));
    _mm512_mask_storeu_pd(to + i + 8, static_cast<__mmask8>(mask >> 8), _mm512_cvtps_pd(upper));
  }
  alignas(32) std::uint16_t each[lanes];
  _mm256_store_si256(reinterpret_cast<__m256i*>(each), largest);
  return *std::max_element(each, each + lanes);
}

#endif

}  // namespace

bool available(Path path) {
  if (path == Path::portable) return true;
#if RANKME_HAS_MULTIVERSION
  __builtin_cpu_init();
  const bool f16c = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
  if (path == Path::f16c) return f16c;
  return f16c && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

Path best_path() {
  for (const Path path : {Path::avx512, Path::f16c}) {
    if (available(path)) return path;
  }
  return Path::portable;
}

Line line(Path path) {
  if (!available(path)) throw std::invalid_argument("this processor has no such path");
#if RANKME_HAS_MULTIVERSION
  if (path == Path::f16c) return f16c_line;
  if (path == Path::avx512) return avx512_line;
#endif
  return portable_line;
}

}  // namespace rankme::half
