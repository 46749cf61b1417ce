// Eigenvalues of eight small symmetric matrices side by side, one a lane of two vector registers:
// what LAPACK spends on one of order 16 goes into calls and branches, not into arithmetic.
#pragma once

#include <cstdint>
#include <vector>

#include "simd.hpp"

namespace rankme {

// Entries of a lower triangle, row after row: entry (i, j), j <= i, is the one at packed_size(i) +
// j.
constexpr std::int64_t packed_size(std::int64_t order) { return order * (order + 1) / 2; }

class LaneSolver {
public:
  // Makes room for eight matrices of that order; what was in them is lost.
  void resize(std::int64_t order);
  // The triangle of a lane: its entry `at` is [at * register_lanes].
  double* matrix(int lane) {
    return a_.data() + lane / register_lanes * packed_size(order_) * register_lanes +
           lane % register_lanes;
  }

  // Householder reflections to tridiagonal form, then QL without square roots (Pal, Walker and
  // Kahan, as in LAPACK's dsterf). Destroys the matrices. The trace of each must be 0 or from 1 to
  // 4. What a lane holds changes no bit of another lane's result, nor do rows and columns of
  // zeros at the end of a matrix; their eigenvalues are exact zeros at the end as well.
  // Throws std::runtime_error where the iteration does not converge.
  void solve();
  // Eigenvalue k of matrix `lane` is at [k * lanes + lane], in no order.
  const double* eigenvalues() const { return d_.data(); }

private:
  std::int64_t order_ = 0;
  std::vector<double> a_;     // a register's matrices, then the other's
  std::vector<double> d_;     // the diagonal
  std::vector<double> e2_;    // squares of the entries beside it
  std::vector<double> work_;  // a vector of the reflection's
};

}  // namespace rankme
