#include "rankme/bounds.hpp"

#include <stdexcept>
#include <vector>

#include "entropy_terms.hpp"

namespace rankme {

namespace {

// sigma_k of a corner or a face of the box, as a function of k.
template <class Entry>
double rankme_of(std::size_t count, double eps, const Entry& entry) {
  CompensatedSum total;
  for (std::size_t k = 0; k < count; ++k) total.add(entry(k));
  if (total.value() == 0) return 0;
  CompensatedSum entropy;
  for (std::size_t k = 0; k < count; ++k) entropy.add(-x_log_x(entry(k) / total.value() + eps));
  return std::exp(entropy.value());
}

// d RankMe / d sigma_k has the sign of c - sigma_k with c = S (exp(sum_j p_j log(p_j + eps)) -
// eps), which for eps = 0 is S / r: values below the balance point make the set more even as they
// rise.
template <class Entry>
double balance_point(std::size_t count, double eps, const Entry& entry) {
  double total = 0;
  for (std::size_t k = 0; k < count; ++k) total += entry(k);
  double mean_log = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const double p = entry(k) / total;
    if (p > 0) mean_log += p * std::log(p + eps);
  }
  return total * (std::exp(mean_log) - eps);
}

// The maximum is at sigma_k = clip(c, l_k, u_k), where c is its own balance point. RankMe is
// quasi-concave, so the balance point of clip(c) is above c up to there and below it afterwards.
double largest_rankme(std::span<const double> low, std::span<const double> high, double eps) {
  const std::size_t count = low.size();
  double above = high.front();
  double below = std::max(low.back(), 1e-300 * above);
  // By ratios, since the ends may be far apart. RankMe is flat around its maximum: 60 halvings of
  // 1000 powers of two leave nothing to see.
  for (int step = 0; step < 60; ++step) {
    const double c = std::sqrt(below) * std::sqrt(above);
    const auto entry = [&](std::size_t k) { return std::clamp(c, low[k], high[k]); };
    (balance_point(count, eps, entry) > c ? below : above) = c;
  }
  return rankme_of(count, eps, [&](std::size_t k) { return std::clamp(above, low[k], high[k]); });
}

// The minimum is at a corner: a quasi-concave function has its minimum over an interval at an end,
// coordinate by coordinate. Where l and u fall together, it is one of the corners
// (u_1 .. u_j, l_j+1 .. l_m): to raise a larger value instead of a smaller one makes the set less
// even. For eps = 0 running sums give log r = log S - (sum sigma log sigma) / S at each of them.
double smallest_effective_rank(std::span<const double> low, std::span<const double> high) {
  CompensatedSum total;
  CompensatedSum weighted;
  for (const double l : low) {
    total.add(l);
    weighted.add(x_log_x(l));
  }
  double smallest = std::numeric_limits<double>::infinity();
  for (std::size_t j = 0;; ++j) {
    if (total.value() > 0) {
      smallest = std::min(smallest, std::log(total.value()) - weighted.value() / total.value());
    }
    if (j == low.size()) return std::exp(smallest);
    total.add(high[j] - low[j]);
    weighted.add(x_log_x(high[j]));
    weighted.add(-x_log_x(low[j]));
  }
}

// With eps > 0 every corner costs O(m), but few are in question: a value whose whole interval lies
// above every possible balance point is at its upper end, one below at its lower. The balance point
// is bounded by those of eps = 0, since H_0 - m eps <= -sum p log(p + eps) <= H_0.
double smallest_rankme(std::span<const double> low, std::span<const double> high, double eps,
                       double least_rank, double greatest_rank) {
  const std::size_t count = low.size();
  double least_sum = 0;
  double greatest_sum = 0;
  for (std::size_t k = 0; k < count; ++k) {
    least_sum += low[k];
    greatest_sum += high[k];
  }
  const double slack = 1 + 1e-9;  // for the rounding of what follows
  const double least = least_sum * (1 / (greatest_rank * slack) - eps) / slack;
  const double greatest =
      greatest_sum * std::exp(static_cast<double>(count) * eps) / least_rank * slack;
  std::size_t first = 0;
  while (first < count && low[first] > greatest) ++first;
  std::size_t last = count;
  while (last > first && high[last - 1] < least) --last;

  double smallest = std::numeric_limits<double>::infinity();
  for (std::size_t j = first; j <= last; ++j) {
    const double value =
        rankme_of(count, eps, [&](std::size_t k) { return k < j ? high[k] : low[k]; });
    if (value > 0) smallest = std::min(smallest, value);
  }
  return smallest;
}

}  // namespace

Interval rankme_bounds(std::span<const double> low, std::span<const double> high, double eps) {
  if (low.size() != high.size()) {
    throw std::invalid_argument("the two ends of a box must have the same length");
  }
  if (!(eps >= 0 && eps <= 1)) throw std::invalid_argument("eps must be from 0 to 1");
  if (high.empty() || high.front() == 0) return {0, 0};

  // On the scale of the largest nothing overflows; RankMe does not see the scale.
  const double scale = high.front();
  std::vector<double> l(low.begin(), low.end());
  std::vector<double> u(high.begin(), high.end());
  for (double& x : l) x /= scale;
  for (double& x : u) x /= scale;

  const double least_rank = smallest_effective_rank(l, u);
  const double greatest_rank = largest_rankme(l, u, 0);
  Interval bounds{least_rank, greatest_rank};
  if (eps > 0) {
    bounds = {smallest_rankme(l, u, eps, least_rank, greatest_rank), largest_rankme(l, u, eps)};
  }
  const double rounding = evaluation_error(l.size(), eps);
  bounds.low *= 1 - rounding;
  bounds.high *= 1 + rounding;
  if (l.front() == 0) bounds.low = 0;
  return bounds;
}

// For sigma and tau in the box, p and q their shares: sum |p_k - q_k| <= 2 sum |sigma_k - tau_k| /
// S(sigma) = D at most. With f(x) = -x log x, which is concave, |f(p + eps) - f(q + eps)| is at
// most f(d) + (1 + eps) d where |p - q| = d, whatever p and q are; and over m terms sum f(d_k) is
// largest where all d_k are alike, so that the entropies differ by D (log(m / D) + 1 + eps) = B at
// most (Fannes 1973 has the like for matrices). Both ends of the interval are so near to log
// RankMe.
double width_bound(std::span<const double> low, std::span<const double> high, double sum,
                   double eps) {
  double width = 0;
  for (std::size_t k = 0; k < low.size(); ++k) width += high[k] - low[k];
  const double rounding = 2 * evaluation_error(low.size(), eps);
  if (width == 0 && sum > 0) return rounding;
  const double distance = 2 * (1 + 1e-9) * width / sum;
  // At 1 the logarithm's bound has long been beyond every use.
  if (!(distance < 1)) return std::numeric_limits<double>::infinity();
  const double m = static_cast<double>(low.size());
  const double difference = distance * (std::log(m / distance) + 1 + eps);
  return 2 * std::sinh(difference) * (1 + 1e-9) + rounding;
}

}  // namespace rankme
