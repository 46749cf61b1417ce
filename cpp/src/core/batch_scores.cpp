#include <algorithm>

#include "rankme/batch.hpp"
#include "rankme/bounds.hpp"
#include "rankme/entropy.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// Whether the interval of RankMe is wider than a part of it. The bound tells for nearly all
// matrices, at the price of a sum; the interval itself costs about a hundred logarithms a value.
bool is_wider(std::span<const double> low, std::span<const double> high, double sum, double score,
              double eps, double tolerance) {
  if (high.front() == 0) return false;
  if (width_bound(low, high, sum, eps) <= tolerance) return false;
  const Interval interval = rankme_bounds(low, high, eps);
  return interval.high - interval.low > tolerance * score;
}

}  // namespace

BatchScores rankme(std::span<const double> scaled, std::span<const double> low,
                   std::span<const double> high, std::span<const std::int64_t> offsets, double eps,
                   double tolerance) {
  const auto count = static_cast<std::int64_t>(offsets.size()) - 1;
  BatchScores result;
  result.scores.resize(static_cast<std::size_t>(count));
  std::vector<char> wide(static_cast<std::size_t>(count));
  // A thread is worth some thousand logarithms.
  const double values = static_cast<double>(scaled.size());
  const int workers = std::max(1, static_cast<int>(std::min<double>(num_threads(), values / 4096)));
  parallel_ranges(count, workers, [&](int, std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const auto first = static_cast<std::size_t>(offsets[i]);
      const std::size_t length = static_cast<std::size_t>(offsets[i + 1]) - first;
      const std::span<const double> sigma = scaled.subspan(first, length);
      const std::span<const double> ends = low.subspan(first, length);
      result.scores[i] = may_be_zero(ends) ? 0 : rankme(sigma, eps);
      double sum = 0;
      for (const double s : sigma) sum += s;
      wide[i] = is_wider(ends, high.subspan(first, length), sum, result.scores[i], eps, tolerance);
    }
  });
  for (std::int64_t i = 0; i < count; ++i) {
    if (wide[static_cast<std::size_t>(i)] != 0) result.uncertain.push_back(i);
  }
  return result;
}

BatchIntervals rankme_bounds(std::span<const double> low, std::span<const double> high,
                             std::span<const std::int64_t> offsets, double eps) {
  const auto count = static_cast<std::int64_t>(offsets.size()) - 1;
  BatchIntervals result;
  result.low.resize(static_cast<std::size_t>(count));
  result.high.resize(static_cast<std::size_t>(count));
  // About a hundred logarithms a value.
  const double values = 100 * static_cast<double>(low.size());
  const int workers = std::max(1, static_cast<int>(std::min<double>(num_threads(), values / 4096)));
  parallel_ranges(count, workers, [&](int, std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const auto first = static_cast<std::size_t>(offsets[i]);
      const std::size_t length = static_cast<std::size_t>(offsets[i + 1]) - first;
      const Interval interval =
          rankme_bounds(low.subspan(first, length), high.subspan(first, length), eps);
      result.low[i] = interval.low;
      result.high[i] = interval.high;
    }
  });
  return result;
}

}  // namespace rankme
