// A dense symmetric matrix to tridiagonal form by way of a band, on threads of its own. No BLAS.
// Private to cpp/src.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "rankme/eigen.hpp"

namespace rankme {

// The power of two that brings the largest magnitude of a matrix between 1 and 2, so that no square
// overflows, and none that matters underflows. `matrix` is order x order, row-major, of which the
// lower triangle is read. Throws std::invalid_argument where an entry is not finite.
double scale_to_one(const double* matrix, std::int64_t order);

// matrix as above. `reflection`: empty, or
// a vector v with |v|^2 = 2 |v[0]|, and T is that of H A H with H = I - v v^T / |v[0]|. What
// follows leaves the first axis alone, so that to add to T[0][0] is to add to (H A H)[0][0];
// `along` stays 0. The result does not depend on the number of threads. Throws as scale_to_one.
Tridiagonal two_stage_tridiagonal(const double* matrix, std::int64_t order,
                                  std::vector<double> reflection, int threads,
                                  const Kernels& kernels);

}  // namespace rankme
