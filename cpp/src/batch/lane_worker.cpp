#include "lane_worker.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "rankme/error.hpp"

namespace rankme {

bool LaneWorker::add(const MatrixView& z, const Ends& values, int* exponent) {
  if (!gram_.compute(z)) return false;
  Lane& lane = lanes_[static_cast<std::size_t>(used_)];
  const std::vector<std::int64_t>& live = gram_.live();
  lane.order = static_cast<std::int64_t>(live.size());
  lane.extent = extent_of(z.rows, z.cols, center_, normalize_);
  lane.values = values;
  std::fill_n(values.scaled, values.count, 0.0);
  std::fill_n(values.low, values.count, 0.0);
  std::fill_n(values.high, values.count, 0.0);

  // An even power of two, which the roots halve, brings the trace to the solver's range.
  const int half = gram_.trace() > 0 ? std::ilogb(gram_.trace()) >> 1 : 0;
  const auto scaled = [&](double x) { return std::ldexp(x, -2 * half); };
  *exponent = gram_.exponent() + half;
  lane.delta = scaled(gram_.delta());
  lane.absolute = std::ldexp(lane.extent.rounding + gram_.centring_error(), -half);
  lane.triangle.resize(static_cast<std::size_t>(packed_size(lane.order)));
  double* to = lane.triangle.data();
  // Exact, and a product where the factor is a float64, as it nearly always is.
  const double factor = scaled(1);
  const bool ordinary = std::isnormal(factor);
  for (std::int64_t i = 0; i < lane.order; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      const double entry =
          gram_.entry(live[static_cast<std::size_t>(i)], live[static_cast<std::size_t>(j)]);
      *to++ = ordinary ? entry * factor : scaled(entry);
    }
  }
  ++used_;
  return true;
}

void LaneWorker::solve() {
  std::int64_t order = 0;
  for (int at = 0; at < used_; ++at) {
    order = std::max(order, lanes_[static_cast<std::size_t>(at)].order);
  }
  if (order == 0) return;
  solver_.resize(order);
  for (int at = 0; at < lanes; ++at) {
    const Lane& lane = lanes_[static_cast<std::size_t>(at)];
    const std::int64_t filled = at < used_ ? packed_size(lane.order) : 0;
    double* to = solver_.matrices() + at;
    for (std::int64_t i = 0; i < filled; ++i) {
      to[i * lanes] = lane.triangle[static_cast<std::size_t>(i)];
    }
    for (std::int64_t i = filled; i < packed_size(order); ++i) to[i * lanes] = 0;
  }
  solver_.solve();
  for (int at = 0; at < used_; ++at) finish(lanes_[static_cast<std::size_t>(at)], at);
}

void LaneWorker::finish(const Lane& lane, int at) {
  if (lane.order == 0) return;
  eigenvalues_.resize(static_cast<std::size_t>(lane.order));
  for (std::int64_t k = 0; k < lane.order; ++k) {
    eigenvalues_[static_cast<std::size_t>(k)] = solver_.eigenvalues()[k * lanes + at];
  }
  std::sort(eigenvalues_.begin(), eigenvalues_.end(), std::greater<>());
  const double smallest = eigenvalues_.back();
  const double largest = std::max(std::abs(eigenvalues_.front()), std::abs(smallest));
  const double delta = lane.delta + solver_error(lane.order) * largest;
  // No sum of squares has eigenvalues below zero, and rounding explains delta.
  if (smallest < -16 * delta) throw IntegrityError(-smallest, delta);
  set_ends(eigenvalues_.data(), std::min(lane.order, lane.extent.rank), delta, lane.values);
  inflate_ends(lane.values, 2 * unit_roundoff + lane.extent.normalization, lane.absolute);
}

}  // namespace rankme
