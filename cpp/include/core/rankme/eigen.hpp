// Eigenvalues of a symmetric matrix, by way of a tridiagonal one and on threads of our own; and
// eigenvectors, by LAPACK, where a few questions need them.
#pragma once

#include <cstdint>
#include <vector>

namespace rankme {

// The n eigenvalues of a symmetric matrix in ascending order. `a` is n x n, dense and row-major;
// its lower triangle is read. The same bits with any number of threads. Throws
// std::invalid_argument where an entry is not finite, LapackError where LAPACK fails.
std::vector<double> symmetric_eigenvalues(const double* a, std::int64_t n);

// Orthonormal eigenvectors of the `count` smallest eigenvalues, in ascending order: (count, n)
// row-major. The eigenvalues themselves go to *eigenvalues. Matrix as above; its lower triangle is
// destroyed, and what is above its diagonal stays as it is. LAPACK dsytrd and dstemr on one thread,
// dstedc where all are wanted or dstemr gives up; dormtr with the vectors shared out among threads.
// Throws LapackError.
std::vector<double> smallest_eigenvectors(double* a, std::int64_t n, std::int64_t count,
                                          std::vector<double>* eigenvalues);

// A symmetric matrix brought to tridiagonal form by an orthogonal matrix that turns a given vector
// onto the first axis.
struct Tridiagonal {
  std::vector<double> diagonal;      // (n,)
  std::vector<double> off_diagonal;  // (n - 1,)
  double along;                      // the vector's norm
};

// matrix as above. vector: (n,). Our own two stages (cpp/src/eigen), or LAPACK dsytrd where the
// matrix is small.
Tridiagonal tridiagonal(const double* matrix, std::int64_t n, std::vector<double> vector);

// The eigenvalues in ascending order, by sign counts; LAPACK dsterf where there are few.
std::vector<double> eigenvalues(Tridiagonal t);

// Those of T + weight * along^2 e1 e1^T, each with an error that is relative to T and not to what
// is added, which may be much larger; `perturbation` gets the Frobenius norm of what T was moved
// by. T = U U^T with U upper bidiagonal, from the last row up: only the first entry of U knows of
// what is added, and dqds (Fernando and Parlett 1994; LAPACK dlasq1) finds all singular values of U
// to full relative accuracy. A pivot that rounding has made too small is raised.
std::vector<double> bordered_eigenvalues(const Tridiagonal& t, double weight, double* perturbation);

}  // namespace rankme
