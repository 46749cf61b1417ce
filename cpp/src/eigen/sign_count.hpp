// The third stage: eigenvalues of a symmetric tridiagonal matrix from sign counts. Private to
// cpp/src/eigen.
//
// How many eigenvalues are below x is how often p_0(x), p_1(x), ..., p_n(x) changes its sign, p_i
// the characteristic polynomial of the first i rows (Givens 1954). The p_i that are computed are
// exact for a matrix of which every entry is off by a few roundings of itself or of x, so that
// every eigenvalue is found to a few u of the largest row sum, however close others are.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "rankme/memory.hpp"

namespace rankme {

class SignCount {
public:
  // diagonal (n,) and off_diagonal (n - 1,) are finite.
  SignCount(const std::vector<double>& diagonal, const std::vector<double>& off_diagonal,
            const Kernels& kernels);

  // All eigenvalues in ascending order. The result does not depend on the number of threads.
  std::vector<double> eigenvalues(int threads) const;

private:
  struct Point;
  struct Bracket;
  class Search;

  void sample(std::vector<Point>& points) const;

  const Kernels& kernels_;
  std::int64_t order_;
  double scale_ = 0;  // a power of two: the eigenvalues of scale * T lie in [-1, 1]; 0 for T = 0
  AlignedDoubles diagonal_;
  AlignedDoubles squares_;
};

}  // namespace rankme
