// Terms of the entropy and their rounding. Private to cpp/src.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

namespace rankme {

inline double x_log_x(double x) { return x > 0 ? x * std::log(x) : 0; }

// Every q = p + eps is off by a few units in the last place, and so is its term of the entropy:
// sum q (1 + |log q|) <= (1 + m eps) (2 + log m) of them in all.
inline double evaluation_error(std::size_t count, double eps) {
  const double m = static_cast<double>(count);
  return 16 * std::numeric_limits<double>::epsilon() * (1 + (1 + m * eps) * (2 + std::log(m)));
}

}  // namespace rankme
