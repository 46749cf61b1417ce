// What tells groups of rows apart, and what varies within them: the two scatter matrices of a
// linear discriminant analysis, for LiDAR (Thilak et al., ICLR 2024) and for the spread of classes.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/centred_sum.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/row_adder.hpp"

namespace rankme {

// Both grow by whole groups and are kept on scales of their own. Squares.
struct LidarSums {
  explicit LidarSums(std::int64_t dim) : within(dim), means(dim) {}

  // Takes in the sum of a group, a square. Its mean counts as one row, or `weighted` as all of its
  // rows.
  void add(CentredSum group, bool weighted, int workers);

  std::int64_t groups = 0;
  CentredSum within;  // of all rows, each less the mean of its group
  CentredSum means;   // of the groups; only the scatter is meant, and not what it is about
};

// Groups of q rows each that come one behind the other, and are not kept.
class EqualGroups {
public:
  // q: 2 or more.
  EqualGroups(std::int64_t dim, std::int64_t q);

  // A multiple of q finite rows, below 2^1000 in magnitude. Not for several threads at once.
  void add(const MatrixView& z);

  std::int64_t dim() const { return sums_.within.dim; }
  const LidarSums& sums() const { return sums_; }

private:
  void centre(std::int64_t groups);

  std::int64_t q_;
  std::int64_t groups_a_block_;
  std::vector<double> origin_;  // the first row
  std::vector<double> rows_, means_;
  RowAdder adder_;
  LidarSums sums_;
};

// The whole of a scatter, row-major.
std::vector<double> dense_scatter(CentredSum sum);

}  // namespace rankme
