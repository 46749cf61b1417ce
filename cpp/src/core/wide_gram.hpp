// A whole matrix with fewer rows than columns, by the Gram matrix Z Z^T of its rows. Private to
// cpp/src.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/block.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/values.hpp"

namespace rankme {

// What each row is multiplied by to have norm 1. Throws NonFiniteError.
std::vector<UnitScale> row_scales(const MatrixView& z);

// Moves the rows and columns of a dim x dim matrix that are kept together, in place.
void keep_dimensions(std::vector<double>& matrix, std::int64_t dim,
                     const std::vector<std::int64_t>& kept);

SingularValues by_wide_gram(const MatrixView& z, bool center, bool normalize);

}  // namespace rankme
