// Singular values and scores of many matrices, most of them small.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rankme/batch_spectra.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/values.hpp"

namespace rankme {

// As singular_values of each matrix, with intervals that hold the same exact values; a small
// matrix is not probed, since what rounding can do to so short sums is known beforehand. The
// result does not depend on the number of threads unless a matrix is so large that all of them
// work on it. Throws NonFiniteError for the first matrix, in their order, that is not finite.
BatchSpectra singular_values(std::span<const MatrixView> zs, bool center, bool normalize,
                             Method method);

struct BatchScores {
  std::vector<double> scores;  // 0 of what cannot be told from zeros (bounds.hpp)
  // Of the matrices whose interval is wider than the tolerance times the score, ascending.
  std::vector<std::int64_t> uncertain;
};

// RankMe of every matrix of a batch, from the first three and the offsets of its spectra.
BatchScores rankme(std::span<const double> scaled, std::span<const double> low,
                   std::span<const double> high, std::span<const std::int64_t> offsets, double eps,
                   double tolerance);

struct BatchIntervals {
  std::vector<double> low;
  std::vector<double> high;
};

// The interval of every matrix's RankMe, as rankme_bounds of one.
BatchIntervals rankme_bounds(std::span<const double> low, std::span<const double> high,
                             std::span<const std::int64_t> offsets, double eps);

}  // namespace rankme
