// Columns that are nearly dead: their small eigenvalues, where the solver would lose them. Private
// to cpp/src.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/accuracy.hpp"
#include "rankme/values.hpp"

namespace rankme {

// Of a Gram matrix that the solver is still to see: dim x dim, row-major, its lower triangle.
// squares: bounds of the squared norms of the columns before any centring. `accuracy` is that of
// the matrix, `depth` the longest chain of additions behind an entry.
SmallColumns small_columns(const double* gram, std::int64_t dim, const std::vector<double>& squares,
                           double depth, const GramAccuracy& accuracy);

}  // namespace rankme
