// Eigenvalues of a symmetric matrix by LAPACK, without vectors.
#pragma once

#include <cstdint>
#include <vector>

namespace rankme {

// LAPACK's reduction to tridiagonal form meets its threads at every column. Up to this order two
// threads gain a tenth or a fifth; where another program wants the cores they lose a factor of a
// hundred, spinning. So one thread does it.
constexpr std::int64_t most_single_threaded_order = 1024;

// The n eigenvalues of a symmetric matrix in ascending order. `a` is n x n, dense, its lower
// triangle in row-major order (LAPACK's upper); it is destroyed. LAPACK dsyevd with jobz = 'N',
// or dsyevd_2stage where the matrix is large and BLAS has one thread.
// Throws LapackError where the routine reports a failure.
std::vector<double> symmetric_eigenvalues(double* a, std::int64_t n);

}  // namespace rankme
