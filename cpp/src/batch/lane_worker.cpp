#include "lane_worker.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "rankme/error.hpp"

namespace rankme {

namespace {

// The half exponent of an even power of two that brings a trace to the solver's range, from 1 to 4;
// the roots halve it.
int half_exponent(double trace) { return trace > 0 ? std::ilogb(trace) >> 1 : 0; }

}  // namespace

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

  const int half = half_exponent(gram_.trace());
  const auto scaled = [&](double x) { return std::ldexp(x, -2 * half); };
  *exponent = gram_.exponent() + half;
  lane.z = z;
  lane.live = live;
  lane.half = half;
  lane.trace = scaled(gram_.trace());
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

void LaneWorker::load(int at, std::int64_t order, const std::vector<double>& triangle) {
  double* to = solver_.matrix(at);
  const auto filled = static_cast<std::int64_t>(triangle.size());
  for (std::int64_t i = 0; i < filled; ++i)
    to[i * register_lanes] = triangle[static_cast<std::size_t>(i)];
  for (std::int64_t i = filled; i < packed_size(order); ++i) to[i * register_lanes] = 0;
}

void LaneWorker::solve() {
  static const std::vector<double> none;
  unsettled_.clear();
  tailed_ = 0;
  std::int64_t order = 0;
  for (int at = 0; at < used_; ++at) {
    order = std::max(order, lanes_[static_cast<std::size_t>(at)].order);
  }
  if (order == 0) return;
  solver_.resize(order);
  for (int at = 0; at < lanes; ++at) {
    load(at, order, at < used_ ? lanes_[static_cast<std::size_t>(at)].triangle : none);
  }
  solver_.solve();
  for (int at = 0; at < used_; ++at) finish(at);
  if (tailed_ == 0) return;
  order = 0;
  for (int at = 0; at < tailed_; ++at) {
    order = std::max(order, tails_[static_cast<std::size_t>(at)].lane->order);
  }
  solver_.resize(order);
  for (int at = 0; at < lanes; ++at) {
    load(at, order, at < tailed_ ? tails_[static_cast<std::size_t>(at)].triangle : none);
  }
  solver_.solve();
  for (int at = 0; at < tailed_; ++at) finish_tail(at);
}

// The eigenvalues of a lane, descending.
void LaneWorker::sort_eigenvalues(int at, std::int64_t order) {
  eigenvalues_.resize(static_cast<std::size_t>(order));
  for (std::int64_t k = 0; k < order; ++k) {
    eigenvalues_[static_cast<std::size_t>(k)] = solver_.eigenvalues()[k * lanes + at];
  }
  std::sort(eigenvalues_.begin(), eigenvalues_.end(), std::greater<>());
}

void LaneWorker::finish(int at) {
  Lane& lane = lanes_[static_cast<std::size_t>(at)];
  if (lane.order == 0) return;
  sort_eigenvalues(at, lane.order);
  const double smallest = eigenvalues_.back();
  const double largest = std::max(std::abs(eigenvalues_.front()), std::abs(smallest));
  const double delta = lane.delta + solver_error(lane.order) * largest;
  // No sum of squares has eigenvalues below zero, and rounding explains delta.
  if (smallest < -16 * delta) throw IntegrityError(-smallest, delta);
  set_ends(eigenvalues_.data(), std::min(lane.order, lane.extent.rank), delta, lane.values);
  inflate_ends(lane.values, 2 * unit_roundoff + lane.extent.normalization, lane.absolute);
  const auto begin = tail_begin(lane.values, std::min(lane.order, lane.extent.rank), largest,
                                std::numeric_limits<double>::infinity());
  if (!begin) return;
  // Beside a smaller one the directions before the tail are not known well enough for its values.
  if (lane.values.scaled[*begin - 1] < 1e-3 * lane.values.scaled[0]) {
    unsettled_.push_back(at);
    return;
  }
  Tail& tail = tails_[static_cast<std::size_t>(tailed_)];
  tail.lane = &lane;
  tail.at = at;
  tail.begin = *begin;
  if (prepare(tail)) {
    ++tailed_;
  } else {
    unsettled_.push_back(at);
  }
}

// The second Gram matrix: of the lines less their part along the directions before the tail. False
// where those cannot be told from the tail's.
bool LaneWorker::prepare(Tail& tail) {
  const Lane& lane = *tail.lane;
  const double n = static_cast<double>(lane.order);
  const double b = static_cast<double>(tail.begin);
  const double enough = 4 * n * unit_roundoff * lane.trace;
  top_.find(lane.triangle.data(), lane.order, tail.begin, enough);
  if (!(top_.residual() <= 16 * enough)) return false;
  if (!(top_.skewness() <= 8 * n * b * unit_roundoff)) return false;
  if (!gram_.compute(lane.z, SmallGram::Rest{&top_, &lane.live})) throw TornError();

  tail.half = half_exponent(gram_.trace());
  const double norm = std::sqrt(lane.trace);
  const double largest = lane.values.high[0];
  const double off = lane.absolute + lane.extent.normalization * largest;
  TailErrors& errors = tail.errors;
  // Sums of n products for b directions, sums of b products for every entry, and a subtraction.
  const double chain = (n + b + 2) * std::sqrt(b) + 4;
  errors.products = 1.01 * (chain * unit_roundoff + top_.skewness()) * norm;
  errors.skewness = 0;
  tail.delta = std::ldexp(gram_.delta(), -2 * tail.half);
  errors.above = lane.values.low[tail.begin - 1];
  errors.relative = lane.extent.normalization;
  errors.absolute = lane.absolute;
  errors.coupling = (1 + top_.skewness()) *
                    (top_.residual() + (4 * n + 8) * unit_roundoff * lane.trace * std::sqrt(b) +
                     lane.delta + 2 * off * largest + off * off + largest * errors.products);

  const double factor = std::ldexp(1.0, -2 * tail.half);
  tail.triangle.resize(static_cast<std::size_t>(packed_size(lane.order)));
  double* to = tail.triangle.data();
  for (const std::int64_t i : lane.live) {
    for (const std::int64_t j : lane.live) {
      if (j > i) break;
      *to++ = gram_.entry(i, j) * factor;
    }
  }
  return true;
}

void LaneWorker::finish_tail(int at) {
  Tail& tail = tails_[static_cast<std::size_t>(at)];
  const Lane& lane = *tail.lane;
  sort_eigenvalues(at, lane.order);
  const double top = std::max(std::abs(eigenvalues_.front()), std::abs(eigenvalues_.back()));
  const std::int64_t count = lane.order - tail.begin;
  ends_.assign(static_cast<std::size_t>(3 * count), 0.0);
  const Ends ends{ends_.data(), ends_.data() + count, ends_.data() + 2 * count, count};
  set_ends(eigenvalues_.data(), count, tail.delta + solver_error(lane.order) * top, ends);
  inflate_ends(ends, 2 * unit_roundoff, 0);
  const double least = std::ldexp(tail.errors.products, lane.half - tail.half);
  const bool hides =
      tail_begin(ends, count, top, 1).has_value() && std::sqrt(least_resolved * top) > least;
  for (double& x : ends_) x = std::ldexp(x, tail.half - lane.half);
  cut_with_tail(ends, tail.begin, tail.errors, lane.values);
  if (hides) unsettled_.push_back(tail.at);
}

}  // namespace rankme
