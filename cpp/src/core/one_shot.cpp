#include "rankme/one_shot.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "helpers.hpp"
#include "rankme/parallel.hpp"

namespace rankme {

std::optional<GramSum> gram_sum(const MatrixView& z, const std::vector<double>& probes,
                                const Preparation& preparation) {
  const SumPlan plan = plan_sums(z.cols, z.rows, 2);
  const auto workers = static_cast<std::size_t>(plan.workers);
  std::vector<GramSum> sums;
  sums.reserve(workers);
  std::vector<RowAdder> adders(workers);
  for (RowAdder& adder : adders) {
    sums.emplace_back(z.cols);
    adder.reserve(plan.block_rows, z.cols);
  }
  Teams teams(plan.workers, plan.team);
  std::atomic<bool> finite = true;
  parallel_ranges(z.rows, plan.workers, [&](int worker, std::int64_t begin, std::int64_t end) {
    const auto own = static_cast<std::size_t>(worker);
    for (std::int64_t row = begin; row < end && finite; row += plan.block_rows) {
      const MatrixView rows = z.row_range(row, std::min(end, row + plan.block_rows));
      if (!adders[own].add(sums[own], rows, probes.data(), preparation, teams.of(worker))) {
        finite = false;
      }
    }
  });
  if (!finite) return std::nullopt;
  for (std::size_t i = 1; i < workers; ++i) sums.front().add(sums[i]);
  return std::move(sums.front());
}

}  // namespace rankme
