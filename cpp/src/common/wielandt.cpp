#include "rankme/wielandt.hpp"

#include <cmath>
#include <stdexcept>
#include <vector>

#include "entropy_terms.hpp"
#include "rankme/accuracy.hpp"
#include "region.hpp"

namespace rankme {

namespace {

// Every term of a sum is off by a few units in the last place.
constexpr double term_error = 8 * std::numeric_limits<double>::epsilon();

double sum_of(const std::vector<double>& values) {
  CompensatedSum total;
  for (const double value : values) total.add(value);
  return total.value();
}

// w_k sigma_k
struct Linear {
  std::vector<double> weights;

  double value(std::size_t k, double sigma) const { return weights[k] * sigma; }
  double slope(std::size_t k, double) const { return weights[k]; }
  double slope_error() const { return 0; }
  double rounding(const std::vector<double>& high) const {
    double terms = 0;
    for (std::size_t k = 0; k < high.size(); ++k) terms += std::abs(weights[k]) * high[k];
    return term_error * terms;
  }
};

// sum * eta(sigma / sum + eps) + factor * sigma with eta(q) = -q log q.
struct Entropic {
  double sum;
  double eps;
  double factor;

  double value(std::size_t, double sigma) const {
    return factor * sigma - sum * x_log_x(sigma / sum + eps);
  }
  double slope(std::size_t, double sigma) const { return factor - 1 - std::log(sigma / sum + eps); }
  // Of the logarithm of a number between 1e-300 and 1e300, or beside a slope that is infinite.
  double slope_error() const { return term_error * (1000 + std::abs(factor)); }
  // sum_k q (1 + |log q|) <= q (1 + log m + |log q|) with q = sum_k q_k.
  double rounding(const std::vector<double>& high) const {
    const double all = sum_of(high);
    const double m = static_cast<double>(high.size());
    const double q = all / sum + m * eps;
    return term_error *
           (sum * q * (1 + std::log(m) + std::abs(std::log(q))) + std::abs(factor) * all);
  }
};

template <class Function>
Minimum minimize(const Region& region, const Function& f) {
  Minimum minimum = region.minimize(f);
  minimum.value -= f.rounding(region.set().high);
  return minimum;
}

// Of the sum of the singular values.
Interval sums_over(const Region& region) {
  const std::size_t count = region.set().low.size();
  const double least = minimize(region, Linear{std::vector<double>(count, 1)}).value;
  const double most = -minimize(region, Linear{std::vector<double>(count, -1)}).value;
  return {std::max(least, 0.0), most};
}

// Of -eps sum_k log(sigma_k / S + eps).
Interval log_terms(const Bounded& set, Interval sums, double eps) {
  if (eps == 0) return {0, 0};
  CompensatedSum least;
  CompensatedSum most;
  for (std::size_t k = 0; k < set.low.size(); ++k) {
    least.add(-std::log(set.high[k] / sums.low + eps));
    most.add(-std::log(set.low[k] / sums.high + eps));
  }
  return {eps * least.value(), eps * most.value()};
}

// A lower bound of the entropy H. With S the sum of sigma and any S0 > 0, since S H(sigma / S) is
// concave in S (docs: certified intervals),
//
//   S H >= sum_k S0 eta(sigma_k / S0 + eps) + (S - S0) (1 + eps L),  L = -sum_k log q_k,
//
// so that for any h the minimum v of S (H - h) over the region gives H >= h + v / S. With h = H and
// S0 = S at the minimum nothing is lost; each round goes there from the point of the last.
double least_entropy(const Region& region, Interval sums, double eps) {
  const Interval logs = log_terms(region.set(), sums, eps);
  const double middle = (logs.low + logs.high) / 2;
  const double spread = (logs.high - logs.low) / 2 + term_error * std::abs(middle);
  std::vector<double> point = region.set().scaled;
  double best = -std::numeric_limits<double>::infinity();
  for (int round = 0; round < 3; ++round) {
    const double sum = sum_of(point);
    CompensatedSum entropy;
    for (const double sigma : point) entropy.add(-x_log_x(sigma / sum + eps));
    const double h = entropy.value();
    const Minimum minimum = minimize(region, Entropic{sum, eps, 1 + middle - h});
    const double away = std::max(sums.high - sum, sum - sums.low);
    const double v = minimum.value - sum * (1 + middle) - away * spread -
                     term_error * sum * (1 + std::abs(middle) + std::abs(h));
    best = std::max(best, h + v / (v < 0 ? sums.low : sums.high));
    point = minimum.point;
  }
  return best;
}

// An upper bound of the entropy H. For any rho > 0 (Gibbs), with c = -log rho,
//
//   H <= eps sum c + sum rho - 1 - m eps + sum_k sigma_k c_k / S,
//
// and sum_k sigma_k c_k / S <= t + v / S where v is the maximum of sum_k (c_k - t) sigma_k. With
// rho = q at the maximum nothing is lost; each round goes there from the point of the last.
double greatest_entropy(const Region& region, Interval sums, double eps) {
  const Bounded& set = region.set();
  const std::size_t count = set.low.size();
  const double m = static_cast<double>(count);
  // Not the values themselves, of which some are 0: an even share of the ball for each.
  std::vector<double> point(count);
  for (std::size_t k = 0; k < count; ++k) {
    const double y = set.of_squares ? set.scaled[k] * set.scaled[k] : set.scaled[k];
    const double raised = y + set.zone[k] + set.radius / std::sqrt(m);
    const double sigma = set.of_squares ? std::sqrt(raised) : raised;
    point[k] = k < set.solved ? std::min(sigma, set.high[k]) : (set.low[k] + set.high[k]) / 2;
  }
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 4; ++round) {
    const double floor = 1e-14 * *std::max_element(point.begin(), point.end());
    for (double& sigma : point) sigma = std::max(sigma, floor);
    const double sum = sum_of(point);
    std::vector<double> c(count);
    CompensatedSum constant;
    CompensatedSum weighted;
    double terms = 1 + m * eps;
    for (std::size_t k = 0; k < count; ++k) {
      const double rho = point[k] / sum + eps;
      c[k] = -std::log(rho);
      constant.add(rho);
      constant.add(eps * c[k]);
      weighted.add(point[k] * c[k]);
      terms += rho + eps * std::abs(c[k]);
    }
    constant.add(-1);
    constant.add(-m * eps);
    const double t = weighted.value() / sum;
    std::vector<double> weights(count);
    for (std::size_t k = 0; k < count; ++k) weights[k] = t - c[k];
    const Minimum minimum = minimize(region, Linear{std::move(weights)});
    // log rho is off by a unit in the last place of 1 and not of itself.
    const double v = -minimum.value + term_error * sums.high;
    const double entropy = constant.value() + t + v / (v > 0 ? sums.low : sums.high);
    best = std::min(best, entropy + term_error * (terms + std::abs(t)));
    point = minimum.point;
  }
  return best;
}

// The values that may differ from zero, on the scale of the largest.
Bounded bounded(std::span<const double> scaled, std::span<const double> low,
                std::span<const double> high, const Uncertainty& uncertainty) {
  const double scale = high.front();
  Bounded set;
  for (std::size_t k = 0; k < high.size() && high[k] > 0; ++k) {
    set.scaled.push_back(scaled[k] / scale);
    set.low.push_back(low[k] / scale);
    set.high.push_back(high[k] / scale);
  }
  set.solved = std::min(static_cast<std::size_t>(uncertainty.solved), set.high.size());
  set.of_squares = uncertainty.of_squares;
  return set;
}

// The ball, with a free zone around every value: the solver's error, what moves singular values
// themselves, and the rounding of the squares and roots here.
Region region_of(const Bounded& box, const Uncertainty& uncertainty, double scale, double ball,
                 double free) {
  const double unit = box.of_squares ? scale * scale : scale;
  Bounded set = box;
  set.radius = ball / unit * (1 + 8 * unit_roundoff);
  set.zone.resize(set.scaled.size());
  for (std::size_t k = 0; k < set.scaled.size(); ++k) {
    const double s = set.scaled[k];
    const double moved = uncertainty.relative * set.high[k] + uncertainty.absolute / scale;
    const double own = free / unit + (set.of_squares ? 2 * set.high[k] * moved : moved);
    const double y = set.of_squares ? s * s : s;
    set.zone[k] = own + 16 * unit_roundoff * (y + own + set.radius);
  }
  return Region(std::move(set));
}

// exp of an entropy: of the values of the region, and of `others` that are exactly 0.
Interval rankme_over(const Region& region, std::size_t others, double eps) {
  const Interval sums = sums_over(region);
  const double entropy = -static_cast<double>(others) * x_log_x(eps);
  const double rounding = evaluation_error(region.set().low.size() + others, eps);
  Interval bounds{0, std::numeric_limits<double>::infinity()};
  if (!(sums.low > 0)) return bounds;
  bounds.low = std::exp(least_entropy(region, sums, eps) + entropy) * (1 - rounding);
  bounds.high = std::exp(greatest_entropy(region, sums, eps) + entropy) * (1 + rounding);
  return bounds;
}

// By how much linear bounds of the entropy over a box may miss it, about: a slope, -log p, changes
// by (high - low) / low over an interval.
double bend_of(const Bounded& set) {
  double bend = 0;
  for (std::size_t k = 0; k < set.low.size(); ++k) {
    const double width = set.high[k] - set.low[k];
    bend += width * std::min(1.0, width / set.low[k]);
  }
  return bend / sum_of(set.low);
}

}  // namespace

Interval rankme_bounds(std::span<const double> scaled, std::span<const double> low,
                       std::span<const double> high, const Uncertainty& uncertainty, double eps) {
  if (scaled.size() != low.size() || low.size() != high.size()) {
    throw std::invalid_argument("the values and the ends of their box must have the same length");
  }
  if (!(eps >= 0 && eps <= 1)) throw std::invalid_argument("eps must be from 0 to 1");
  if (!std::isfinite(uncertainty.ball) || uncertainty.solved < 1 || high.empty() ||
      high.front() == 0) {
    return rankme_bounds(low, high, eps);
  }
  const Bounded inside = bounded(scaled, low, high, uncertainty);
  const std::size_t others = high.size() - inside.high.size();
  Interval bounds{0, std::numeric_limits<double>::infinity()};
  const auto cut_with = [&](const Interval& here) {
    // A NaN is above and below nothing.
    if (here.low > bounds.low) bounds.low = here.low;
    if (here.high < bounds.high) bounds.high = here.high;
  };
  const auto cut_with_ball = [&](double ball, double free) {
    const Region region = region_of(inside, uncertainty, high.front(), ball, free);
    cut_with(rankme_over(region, others, eps));
  };
  cut_with_ball(uncertainty.ball, uncertainty.free);
  if (uncertainty.solver_frobenius > 0) {
    cut_with_ball(uncertainty.ball + uncertainty.solver_frobenius, 0);
  }
  // The slopes over the box are in there already. It has more to say only where they bend.
  const bool known = bounds.low > 0 && std::isfinite(bounds.high);
  if (known && bend_of(inside) <= 1e-12 + 1e-3 * (1 - bounds.low / bounds.high)) return bounds;
  const Interval box = rankme_bounds(low, high, eps);
  cut_with(box);
  return bounds.low <= bounds.high ? bounds : box;
}

}  // namespace rankme
