// From eigenvalues to singular values and the ends of their intervals. Private to cpp/src.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "rankme/accuracy.hpp"

namespace rankme {

// What a factor of N x K can have and what may be off in it.
struct Extent {
  std::int64_t count;  // singular values, min(N, K)
  std::int64_t rank;   // no more of them can differ from zero
  // Rows that were divided by their computed norms: each is off by this factor at most, and all
  // entries together by this much.
  double normalization = 0;
  double rounding = 0;
};

// N centred rows add up to zero, so they span N - 1 directions at most.
inline Extent extent_of(std::int64_t n_rows, std::int64_t n_cols, bool center, bool normalize) {
  const std::int64_t count = std::min(n_rows, n_cols);
  const std::int64_t rank = std::min(center ? n_rows - 1 : n_rows, n_cols);
  if (!normalize) return {count, rank};
  // A sum of K squares, its root and two products; and N rows of length 1. Rows that are off by a
  // factor each move singular values by such factors as well, but not those of the centred rows,
  // which may be nothing but what is off.
  const double factor = (static_cast<double>(n_cols) + 8) * unit_roundoff;
  const double entries = 4 * unit_roundoff * std::sqrt(static_cast<double>(n_rows));
  if (!center) return {count, rank, factor, entries};
  return {count, rank, 0, factor * std::sqrt(static_cast<double>(n_rows)) + entries};
}

// Where the singular values of one matrix go: `count` of each, descending.
struct Ends {
  double* scaled;
  double* low;
  double* high;
  std::int64_t count;
};

// Moves the ends outwards by a relative and an absolute error of every singular value.
inline void widen_ends(const Ends& values, double relative, double absolute) {
  for (std::int64_t k = 0; k < values.count && values.high[k] > 0; ++k) {
    const double error = relative * values.high[k] + absolute;
    values.low[k] = std::max(0.0, values.low[k] - error);
    values.high[k] += error;
  }
}

// The first `known` of the values from eigenvalues, descending, that are off by delta at most
// (Weyl 1912). A negative one is rounding and counts as 0.
inline void set_ends(const double* eigenvalues, std::int64_t known, double delta,
                     const Ends& values) {
  for (std::int64_t k = 0; k < known; ++k) {
    values.scaled[k] = std::sqrt(std::max(eigenvalues[k], 0.0));
    values.low[k] = std::sqrt(std::max(eigenvalues[k] - delta, 0.0));
    values.high[k] = std::sqrt(std::max(eigenvalues[k] + delta, 0.0));
  }
}

}  // namespace rankme
