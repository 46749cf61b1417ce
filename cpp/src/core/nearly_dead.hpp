// Columns that are nearly dead: their small eigenvalues, where the solver would lose them. Private
// to cpp/src.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/accuracy.hpp"
#include "rankme/values.hpp"

namespace rankme {

// A Gram matrix that the solver is still to see, as a matrix (dim x dim, row-major, its lower
// triangle) and a rank-one term beside it, weight * vector vector^T, which may be none.
struct BorderedMatrix {
  const double* lower;
  std::int64_t dim;
  std::vector<double> vector = {};
  double weight = 0;
};

// squares: bounds of the squared norms of the columns before any centring. `accuracy` is that of
// the matrix, `depth` the longest chain of additions behind an entry.
SmallColumns small_columns(const BorderedMatrix& gram, const std::vector<double>& squares,
                           double depth, const GramAccuracy& accuracy);

}  // namespace rankme
