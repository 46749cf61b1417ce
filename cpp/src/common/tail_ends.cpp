#include "tail_ends.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace rankme {

std::optional<std::int64_t> tail_begin(const Ends& values, std::int64_t rank, double scale,
                                       double wide_gap) {
  const std::int64_t count = std::min(values.count, rank);
  const double least = std::sqrt(least_resolved * scale);
  std::int64_t resolved = 0;
  while (resolved < count && values.scaled[resolved] >= least) ++resolved;
  // Zeros may be exact, and others known well enough by their columns.
  const auto is_known = [&](std::int64_t k) {
    return values.high[k] - values.low[k] <= 1e-9 * values.scaled[0];
  };
  std::int64_t unknown = resolved;
  while (unknown < count && is_known(unknown)) ++unknown;
  if (resolved == 0 || unknown == count) return std::nullopt;
  const double reach = 3e-4 * values.scaled[0];
  const double noise = std::sqrt(unit_roundoff * scale);
  std::int64_t first = resolved;
  while (first > 1 && values.scaled[first - 1] <= reach) --first;
  std::int64_t begin = first;
  double widest = 0;
  for (std::int64_t k = first; k <= resolved; ++k) {
    const double gap = values.scaled[k - 1] / std::max(values.scaled[k], noise);
    if (gap > widest) {
      widest = gap;
      begin = k;
    }
    if (widest >= wide_gap) break;
  }
  return begin;
}

namespace {

// The two ends of the singular value of A by those of the one of W.
struct TailEnds {
  double eta, stretch, pull, relative, absolute;

  explicit TailEnds(const TailErrors& errors, double highest)
      : eta(errors.products),
        stretch((1 + 4 * unit_roundoff) / std::sqrt(1 - errors.skewness)),
        relative(errors.relative + 4 * unit_roundoff),
        absolute(errors.absolute) {
    const double top = (highest + eta) * stretch;
    const double above = std::max(0.0, errors.above - eta * stretch);
    const double gap = (above * above - 2 * top * top) * (1 - 8 * unit_roundoff);
    const double f = errors.coupling * stretch;
    pull = gap > 0 ? f * f / gap : std::numeric_limits<double>::infinity();
  }

  double high(double sigma) const {
    const double end = (sigma + eta) * stretch;
    return end + relative * end + absolute;
  }
  double low(double sigma) const {
    const double root = std::max(0.0, sigma - eta) / stretch;
    const double end = std::sqrt(std::max(0.0, root * root - pull)) - eta * stretch;
    return std::max(0.0, end - relative * end - absolute);
  }
};

}  // namespace

void cut_with_tail(const Ends& tail, std::int64_t first, const TailErrors& errors,
                   const Ends& values) {
  if (!(errors.skewness < 0.5)) return;  // no basis: nothing is known
  const TailEnds ends(errors, tail.high[0]);
  const std::int64_t last = std::min(values.count, first + tail.count);
  for (std::int64_t k = first; k < last && values.high[k] > 0; ++k) {
    const double low = ends.low(tail.low[k - first]);
    const double high = ends.high(tail.high[k - first]);
    if (high < values.low[k] || low > values.high[k]) continue;
    if (high - low < values.high[k] - values.low[k]) values.scaled[k] = tail.scaled[k - first];
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
