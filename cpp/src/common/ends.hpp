// From eigenvalues to singular values and the ends of their intervals. Private to cpp/src.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "rankme/values.hpp"

namespace rankme {

// Where the singular values of one matrix go: `count` of each, descending.
struct Ends {
  double* scaled;
  double* low;
  double* high;
  std::int64_t count;
};

inline Ends ends_of(SingularValues& values) {
  return {values.scaled.data(), values.low.data(), values.high.data(),
          static_cast<std::int64_t>(values.scaled.size())};
}

// Moves the ends outwards by a relative and an absolute error of every singular value.
inline void inflate_ends(const Ends& values, double relative, double absolute) {
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
