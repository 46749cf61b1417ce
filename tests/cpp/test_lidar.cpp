#include <cmath>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/group_sums.hpp"
#include "rankme/lidar.hpp"

namespace {

using oracle::Matrix;
using rankme::LidarSums;

rankme::MatrixView view(const Matrix& z) {
  return rankme::view_of(z.entries.data(), z.rows, z.cols);
}

// The scatters of groups of q rows that lie one behind the other, by the definition.
struct Slow {
  Slow(const Matrix& z, std::int64_t q) : within(z.cols, z.cols), means(z.cols, z.cols) {
    const std::int64_t n = z.rows / q;
    Matrix mean(n, z.cols);
    std::vector<double> whole(static_cast<std::size_t>(z.cols));
    for (std::int64_t i = 0; i < z.rows; ++i) {
      for (std::int64_t j = 0; j < z.cols; ++j) {
        mean(i / q, j) += z(i, j) / static_cast<double>(q);
        whole[static_cast<std::size_t>(j)] += z(i, j) / static_cast<double>(z.rows);
      }
    }
    for (std::int64_t j = 0; j < z.cols; ++j) {
      for (std::int64_t k = 0; k < z.cols; ++k) {
        for (std::int64_t i = 0; i < z.rows; ++i) {
          within(j, k) += (z(i, j) - mean(i / q, j)) * (z(i, k) - mean(i / q, k));
        }
        for (std::int64_t i = 0; i < n; ++i) {
          means(j, k) += (mean(i, j) - whole[static_cast<std::size_t>(j)]) *
                         (mean(i, k) - whole[static_cast<std::size_t>(k)]);
        }
      }
    }
  }
  Matrix within, means;
};

void close(const rankme::CentredSum& sum, const Matrix& wanted, double factor, double tolerance) {
  const std::vector<double> dense = rankme::dense_scatter(sum);
  double largest = 0;
  for (const double entry : wanted.entries) largest = std::fmax(largest, std::fabs(entry));
  for (std::size_t i = 0; i < dense.size(); ++i) {
    const double entry = std::ldexp(dense[i], 2 * sum.exponent);
    CHECK(std::fabs(entry - factor * wanted.entries[i]) <= tolerance * factor * largest);
  }
}

// Groups that go by and sums of the same groups, whose means count once or by their rows.
void agrees(std::int64_t n, std::int64_t q, std::int64_t dim, double far) {
  Matrix z = oracle::random_matrix(n * q, dim, 1, 0.9);
  for (std::int64_t i = 0; i < z.rows; ++i) z(i, 0) += static_cast<double>(i / q % 3);
  const Slow slow(z, q);
  for (double& entry : z.entries) entry += far;
  const double tolerance = 1e-12 + 1e-15 * std::fabs(far);

  rankme::EqualGroups equal(dim, q);
  equal.add(view(z).row_range(0, q));
  equal.add(view(z).row_range(q, n * q));
  CHECK(equal.sums().groups == n && equal.sums().within.rows == n * q);
  close(equal.sums().within, slow.within, 1, tolerance);
  close(equal.sums().means, slow.means, 1, tolerance);

  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < z.rows; ++i) labels.push_back(2 * (i / q));
  rankme::GroupSums groups(dim, 2 * n, false, 0);
  groups.update(view(z), labels.data());
  for (const bool weighted : {false, true}) {
    const LidarSums sums = groups.lidar_sums(weighted);
    CHECK(sums.groups == n && sums.within.rows == n * q);
    close(sums.within, slow.within, 1, tolerance);
    close(sums.means, slow.means, weighted ? static_cast<double>(q) : 1, tolerance);
  }
}

void refuses() {
  CHECK_THROWS(rankme::EqualGroups(3, 1), std::invalid_argument, "q must be 2 or more, got 1");
  rankme::EqualGroups groups(3, 2);
  CHECK_THROWS(groups.add(view(Matrix(5, 3))), std::invalid_argument, "5 rows are no groups of 2");
  CHECK_THROWS(groups.add(view(Matrix(4, 2))), std::invalid_argument, "2 columns");
  CHECK(groups.sums().groups == 0);
}

}  // namespace

int main() {
  for (const double far : {0.0, 1e6}) {
    agrees(2, 2, 3, far);
    agrees(7, 40, 5, far);
    agrees(300, 3, 20, far);
    agrees(3, 1000, 4, far);
  }
  refuses();
  return check::finish("lidar");
}
