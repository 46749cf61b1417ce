// The tail of the singular values of one matrix, by a second Gram matrix. Private to cpp/src.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/block.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/values.hpp"

namespace rankme {

// The lines of the larger side as they entered the Gram matrix, to be read once more.
struct TailLines {
  MatrixView lines;
  bool normalize = false;                    // each line, a row of Z
  const UnitScale* column_scales = nullptr;  // or each column
  // What is subtracted from every line: the mean, in two parts.
  const double* origin = nullptr;
  const double* offset = nullptr;
  bool less_first_and_mean = false;  // from every entry the first of its line, then their mean
  int exponent = 0;                  // all of it is Z * 2^-exponent
};

// A Gram matrix that is to be solved twice: LAPACK destroys one triangle, and the other keeps what
// was there.
class TwoTriangles {
public:
  // matrix: order x order, its lower triangle in row-major order.
  TwoTriangles(double* matrix, std::int64_t order);
  // Brings the triangle back, with weight * vector vector^T added to it where there is one.
  void restore(double weight = 0, const double* vector = nullptr);

private:
  double* matrix_;
  std::int64_t order_;
  std::vector<double> diagonal_;
};

// Improves the values of the tail and their intervals where rounding has left them unknown beside
// sqrt(scale), and scale is that of the matrix whose eigenvalues were found. gram: that of the
// lines' `live` columns, restored. accuracy: of that matrix. absolute: what every value is off by
// beside it.
struct TailGram {
  std::vector<double> gram;
  std::vector<std::int64_t> live;
  GramAccuracy accuracy;
  double absolute;
};
bool has_tail(SingularValues& values, const Extent& extent, double scale);
void improve_tail(SingularValues& values, const Extent& extent, double scale, TailGram found,
                  const TailLines& source);

}  // namespace rankme
