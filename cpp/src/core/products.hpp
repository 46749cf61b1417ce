// Products of symmetric matrices with a few vectors, on one thread or several. Private to
// cpp/src/core.
#pragma once

#include <cstdint>
#include <vector>

namespace rankme {

// The product (dim, count) row-major of a symmetric matrix, of which the lower triangle is read,
// and a few vectors (dim, count) side by side. Threads share bands of rows; the bits are the same
// with any number of them.
std::vector<double> multiply_symmetric(const double* lower, std::int64_t dim,
                                       const std::vector<double>& x, std::int64_t count);

}  // namespace rankme
