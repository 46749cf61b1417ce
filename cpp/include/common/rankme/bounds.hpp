// How far RankMe can move while the singular values move inside a box.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "rankme/entropy.hpp"

namespace rankme {

struct Interval {
  double low;
  double high;
};

// The smallest and the largest RankMe over all sigma with low[k] <= sigma_k <= high[k], enlarged by
// the rounding of their own evaluation. Both bounds must be descending, which intervals of
// eigenvalues that are all moved by the same delta are. 0 belongs to the interval where the box
// holds the zero matrix.
Interval rankme_bounds(std::span<const double> low, std::span<const double> high, double eps);

// Whether nothing tells the values, whose low ends are given in descending order, from zero: what
// they add up to is then zero within its error, and their RankMe 0, never a number made of
// rounding.
inline bool may_be_zero(std::span<const double> low) { return low.empty() || low.front() == 0; }

// What the width of that interval is at most, in parts of the RankMe of values inside the box that
// add up to `sum`: a bound that costs two logarithms, and is much too large where it is not small.
// Infinite where the sum is 0.
double width_bound(std::span<const double> low, std::span<const double> high, double sum,
                   double eps);

}  // namespace rankme
