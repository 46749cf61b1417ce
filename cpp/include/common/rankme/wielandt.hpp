// How far RankMe can move while the singular values move inside a box and a ball.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "rankme/bounds.hpp"

namespace rankme {

// What is known of the first `solved` of the singular values beside the box that each lies in, on
// the scale of the values. With v_k = scaled[k]^2 and eigenvalues (of_squares), or v_k = scaled[k]
// and singular values, a solver found v of a matrix that is off by `ball` in the Frobenius norm:
//
//   sum_k (v'_k - exact_k)^2 <= ball^2
//
// (Hoffman & Wielandt 1953; Mirsky 1960), where v' are the values that it should have found:
// |v_k - v'_k| <= free, and also sum_k (v_k - v'_k)^2 <= solver_frobenius^2. Then every exact
// sigma is moved by relative * sigma + absolute at most. The values after the first `solved` are
// known by their ends alone.
struct Uncertainty {
  double ball = std::numeric_limits<double>::infinity();  // nothing is known but the box
  double free = 0;
  double solver_frobenius = 0;
  double relative = 0;
  double absolute = 0;
  bool of_squares = true;
  std::int64_t solved = 0;
};

// Bounds of RankMe over all sigma in the box low[k] <= sigma_k <= high[k] that the uncertainty
// allows too, enlarged by the rounding of their own evaluation. `scaled` lies inside both. Not
// wider than over the box alone, but for a hundredth and for 1e-11 of RankMe.
Interval rankme_bounds(std::span<const double> scaled, std::span<const double> low,
                       std::span<const double> high, const Uncertainty& uncertainty, double eps);

}  // namespace rankme
