// The product of two matrices that are at hand.
#pragma once

#include <cstdint>
#include <vector>

namespace rankme {

// a (rows, inner) times b (inner, cols), all row-major. Threads share out the rows.
std::vector<double> matrix_product(const double* a, std::int64_t rows, std::int64_t inner,
                                   const double* b, std::int64_t cols);

}  // namespace rankme
