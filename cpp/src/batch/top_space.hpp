// The directions of the largest eigenvalues of a small Gram matrix. Private to cpp/src.
#pragma once

#include <cstdint>
#include <vector>

namespace rankme {

class TopSpace {
public:
  // Of a matrix of that order, packed (lane_eigen.hpp): about the eigenvectors of the `count`
  // largest eigenvalues, by pivoted Cholesky steps and a few products with the matrix. They suffice
  // where the next eigenvalue is smaller by far. enough: a residual that need not become smaller.
  void find(const double* packed, std::int64_t order, std::int64_t count, double enough);

  std::int64_t count() const { return count_; }
  // Orthonormal but for skewness().
  const double* vector(std::int64_t m) const { return vectors_.data() + m * order_; }
  // ||V^T V - I||_F
  double skewness() const { return skewness_; }
  // ||G V - V D||_F for some D
  double residual() const { return residual_; }

  // Takes from lines of that length, one behind the other, their part along the vectors: entry i of
  // a vector belongs to line lines[i], and the other lines are zeros.
  void remove_from(double* panel, std::int64_t length, const std::vector<std::int64_t>& lines);

private:
  double* vector(std::int64_t m) { return vectors_.data() + m * order_; }
  void unpack(const double* packed);
  void start();
  void make_orthonormal();
  void multiply();
  void measure_residual();
  void measure_skewness();

  std::int64_t order_ = 0;
  std::int64_t count_ = 0;
  double skewness_ = 0;
  double residual_ = 0;
  std::vector<double> matrix_;    // the whole of it
  std::vector<double> vectors_;   // one after the other
  std::vector<double> products_;  // of the matrix and each of them
  std::vector<double> diagonal_;
  std::vector<double> along_;
};

}  // namespace rankme
