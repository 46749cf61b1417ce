#include "tail_ends.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace rankme {

std::optional<std::int64_t> tail_begin(const Ends& values, std::int64_t rank, double scale) {
  const std::int64_t count = std::min(values.count, rank);
  const double least = std::sqrt(least_resolved * scale);
  std::int64_t resolved = 0;
  while (resolved < count && values.scaled[resolved] >= least) ++resolved;
  // Exact zeros are known.
  if (resolved == 0 || resolved == count || values.high[resolved] == 0) return std::nullopt;
  const double reach = 3e-4 * values.scaled[0];
  const double noise = std::sqrt(unit_roundoff * scale);
  std::int64_t begin = resolved;
  double widest = 0;
  for (std::int64_t k = resolved; k > 0; --k) {
    if (k < resolved && values.scaled[k] > reach) break;
    const double gap = values.scaled[k - 1] / std::max(values.scaled[k], noise);
    if (gap > widest) {
      widest = gap;
      begin = k;
    }
  }
  return begin;
}

namespace {

// The two ends of the singular value of A that eigenvalue x of W^T W stands for.
struct TailEnds {
  double eta, stretch, gram, pull, relative, absolute;

  explicit TailEnds(const TailErrors& errors, double largest)
      : eta(errors.products),
        stretch((1 + 4 * unit_roundoff) / std::sqrt(1 - errors.skewness)),
        gram(errors.gram),
        relative(errors.relative + 4 * unit_roundoff),
        absolute(errors.absolute) {
    const double top = highest(largest);
    const double above = std::max(0.0, errors.above - eta * stretch);
    const double gap = (above * above - 2 * top * top) * (1 - 8 * unit_roundoff);
    const double f = errors.coupling * stretch;
    pull = gap > 0 ? f * f / gap : std::numeric_limits<double>::infinity();
  }

  double highest(double x) const { return (std::sqrt(std::max(0.0, x + gram)) + eta) * stretch; }
  double high(double x) const {
    const double end = highest(x);
    return end + relative * end + absolute;
  }
  double low(double x) const {
    const double root = std::max(0.0, std::sqrt(std::max(0.0, x - gram)) - eta) / stretch;
    const double end = std::sqrt(std::max(0.0, root * root - pull)) - eta * stretch;
    return std::max(0.0, end - relative * end - absolute);
  }
};

}  // namespace

void cut_with_tail(std::span<const double> eigenvalues, std::int64_t first,
                   const TailErrors& errors, const Ends& values) {
  if (!(errors.skewness < 0.5)) return;  // no basis: nothing is known
  const TailEnds ends(errors, eigenvalues.front());
  const std::int64_t last =
      std::min(values.count, first + static_cast<std::int64_t>(eigenvalues.size()));
  for (std::int64_t k = first; k < last && values.high[k] > 0; ++k) {
    const double x = eigenvalues[static_cast<std::size_t>(k - first)];
    const double low = ends.low(x);
    const double high = ends.high(x);
    if (high < values.low[k] || low > values.high[k]) continue;
    if (high - low < values.high[k] - values.low[k]) {
      values.scaled[k] = std::sqrt(std::max(0.0, x));
    }
    values.low[k] = std::max(values.low[k], low);
    values.high[k] = std::min(values.high[k], high);
  }
  // Values and ends from two sources are brought into one order, which loses nothing.
  std::sort(values.scaled + first, values.scaled + last, std::greater<>());
  for (std::int64_t k = first; k < last; ++k) {
    values.high[k] = std::min(values.high[k], values.high[k - 1]);
  }
  for (std::int64_t k = last - 1; k > 0; --k) {
    values.low[k - 1] = std::max(values.low[k - 1], values.low[k]);
  }
  for (std::int64_t k = first; k < last; ++k) {
    values.low[k] = std::min(values.low[k], values.high[k]);
    values.scaled[k] = std::clamp(values.scaled[k], values.low[k], values.high[k]);
    values.scaled[k] = std::min(values.scaled[k], values.scaled[k - 1]);
  }
}

}  // namespace rankme
