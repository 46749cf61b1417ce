#include "rankme/lidar.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "helpers.hpp"
#include "rankme/budget.hpp"
#include "rankme/error.hpp"
#include "rankme/gram_sum.hpp"
#include "rankme/group_sums.hpp"
#include "rankme/memory.hpp"
#include "rankme/threads.hpp"
#include "rankme/widen.hpp"

namespace rankme {

void LidarSums::add(CentredSum group, bool weighted, int workers) {
  if (group.rows == 0) return;
  const std::vector<double> origin = group.origin;
  const Offset offset = group.offset;
  // About one point all scatters add up.
  for (auto* place : {&group.origin, &group.offset.high, &group.offset.low}) {
    std::fill(place->begin(), place->end(), 0.0);
  }
  within.add(group, nullptr, workers);

  std::fill(group.scatter.begin(), group.scatter.end(), 0.0);
  group.origin = origin;
  group.offset = offset;
  if (!weighted) group.rows = 1;
  means.add(group, nullptr, workers);
  ++groups;
}

EqualGroups::EqualGroups(std::int64_t dim, std::int64_t q) : q_(q), groups_a_block_(1), sums_(dim) {
  if (q < 2) throw std::invalid_argument("q must be 2 or more, got " + std::to_string(q));
  groups_a_block_ = std::max<std::int64_t>(1, rows_a_block(dim, true) / q);
  rows_ = zeros(groups_a_block_ * q, dim, "a block of groups");
  means_ = zeros(groups_a_block_, dim, "the means of a block of groups");
  adder_.reserve(groups_a_block_ * q, dim);
}

// Each group of rows_ about its own mean, which goes to means_. All is seen from one row, so that a
// mean that all groups share costs no digits.
void EqualGroups::centre(std::int64_t groups) {
  const auto k = static_cast<std::size_t>(dim());
  const double q = static_cast<double>(q_);
  for (std::int64_t group = 0; group < groups; ++group) {
    double* const mean = means_.data() + group * dim();
    double* const first = rows_.data() + group * q_ * dim();
    std::fill(mean, mean + k, 0.0);
    for (std::int64_t row = 0; row < q_; ++row) {
      double* const z = first + row * dim();
      for (std::size_t j = 0; j < k; ++j) {
        z[j] -= origin_[j];
        mean[j] += z[j];
      }
    }
    for (std::size_t j = 0; j < k; ++j) mean[j] /= q;
    for (std::int64_t row = 0; row < q_; ++row) {
      double* const z = first + row * dim();
      for (std::size_t j = 0; j < k; ++j) z[j] -= mean[j];
    }
  }
}

void EqualGroups::add(const MatrixView& z) {
  require_width(z, dim());
  if (z.rows % q_ != 0) {
    throw std::invalid_argument(std::to_string(z.rows) + " rows are no groups of " +
                                std::to_string(q_));
  }
  const double work = static_cast<double>(z.rows) * static_cast<double>(dim() * dim());
  Teams teams(1, static_cast<int>(std::min<double>(num_threads(), work / least_work)));
  for (std::int64_t row = 0; row < z.rows;) {
    const MatrixView part = z.row_range(row, std::min(z.rows, row + groups_a_block_ * q_));
    if (!widen(part, Layout::row_major, rows_.data()).finite) throw_first_nonfinite(z);
    if (origin_.empty()) origin_.assign(rows_.begin(), rows_.begin() + dim());
    const std::int64_t groups = part.rows / q_;
    centre(groups);
    const bool finite =
        adder_.add(sums_.within, view_of(rows_.data(), part.rows, dim()), false, nullptr,
                   teams.of(0)) &&
        adder_.add(sums_.means, view_of(means_.data(), groups, dim()), false, nullptr, teams.of(0));
    if (!finite) throw std::overflow_error("the difference of two rows is beyond float64");
    sums_.groups += groups;
    row += part.rows;
  }
}

LidarSums GroupSums::lidar_sums(bool weighted) const {
  LidarSums lidar(dim_);
  const std::lock_guard lock(mutex_);
  require_whole();
  settle();
  for (const Group& group : groups_) {
    if (group.rows() == 0) continue;
    CentredSum sum(dim_);
    sum.add(group.sum, probes_.data(), num_threads());
    lidar.add(std::move(sum), weighted, num_threads());
  }
  return lidar;
}

std::vector<double> dense_scatter(CentredSum sum) {
  return GramSum(sum.dim, std::move(sum.scatter)).dense();
}

}  // namespace rankme
