// One matrix of a batch as the kernels see it. Knows no CUDA, so that tests without a GPU run the
// kernels' arithmetic on it.
#pragma once

#include <cstdint>

namespace rankme::cuda::batch {

// The largest order that the fused kernels take: the Gram matrix lies in the registers of a warp.
constexpr int largest_width = 64;
constexpr int most_warps = 4;  // that share one matrix

// How entries may be read: 16 bytes at a time, one at a time, or, where they are not aligned, byte
// by byte.
enum class Access : std::int32_t { packets, entries, bytes };

// The vectors whose products are wanted: rows of Z where those are fewer, columns otherwise.
struct Matrix {
  const unsigned char* data;
  std::int64_t stride;  // bytes from one vector to the next
  std::int64_t step;    // bytes from one entry of a vector to the next
  std::int64_t length;  // entries of a vector
  std::int32_t order;   // vectors
  Access access;
  bool rows;  // the vectors are rows of Z
};

struct Options {
  bool center;
  bool normalize;
};

constexpr std::int64_t all_finite = INT64_MAX;

struct Facts {
  std::int64_t nonfinite;  // row * columns + column in Z of the first such entry, or all_finite
  double trace;            // of the Gram matrix before it was centred, on its scale
  double frobenius;        // likewise
  double sums_norm;        // of the column sums, where columns were centred
  std::int32_t exponent;   // the vectors were taken times 2^-exponent
  std::int32_t order;      // of the Gram matrix without the dimensions in which there is nothing
};

}  // namespace rankme::cuda::batch
