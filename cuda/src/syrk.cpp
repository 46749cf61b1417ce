#include "rankme/cuda/syrk.hpp"

#include <algorithm>

namespace rankme::cuda {

namespace {

constexpr std::int64_t split_rows = 1024;  // fewer are not worth a sum of their own
// Of a block, for the kernels that prepare it: enough to fill the multiprocessors, beside products
// that fill them too. With 16 MiB, which stay in the second-level cache, they took half as long
// again.
constexpr std::int64_t portion_bytes = 128 << 20;

// The least number of splits at which the last round of tiles leaves few multiprocessors idle, or
// the best one that the memory for their sums allows.
std::int64_t good_splits(std::int64_t tiles, std::int64_t tile, int multiprocessors) {
  constexpr double good = 0.96;
  constexpr std::int64_t most_bytes = 256 << 20;
  const std::int64_t most = std::clamp<std::int64_t>(most_bytes / (8 * tiles * tile * tile), 1, 64);
  std::int64_t best = 1;
  double best_share = 0;
  for (std::int64_t splits = 1; splits <= most; ++splits) {
    const std::int64_t count = tiles * splits;
    const std::int64_t rounds = (count + multiprocessors - 1) / multiprocessors;
    const double share = static_cast<double>(count) / static_cast<double>(rounds * multiprocessors);
    if (share > best_share) {
      best = splits;
      best_share = share;
    }
    if (share >= good) break;
  }
  return best;
}

}  // namespace

SyrkPlan plan_of(Syrk way, std::int64_t dim, int multiprocessors) {
  if (way == Syrk::dsyrk) return {};
  SyrkPlan plan{way, dim <= 64 ? 64 : 128, 1};
  plan.splits = good_splits(plan.tiles(dim), plan.tile, std::max(1, multiprocessors));
  return plan;
}

SyrkPlan choose_syrk(std::int64_t dim, int multiprocessors) {
  // Below, padding to whole tiles costs more than it brings; above, cublasDsyrk has tiles enough of
  // its own: 53 TFLOP/s beside 37 by tiles at order 2048 on an H200.
  constexpr std::int64_t least = 96;
  constexpr std::int64_t most = 1023;
  return plan_of(dim >= least && dim <= most ? Syrk::tiles : Syrk::dsyrk, dim, multiprocessors);
}

SyrkPlan fit_rows(SyrkPlan plan, std::int64_t n_rows) {
  plan.splits = std::clamp<std::int64_t>(n_rows / split_rows, 1, plan.splits);
  return plan;
}

BlockPlan plan_blocks(std::int64_t n_rows, std::int64_t dim, const SyrkPlan& plan,
                      const BlockLimits& limits) {
  BlockPlan cut{};
  // Four doubles are written at a time.
  cut.stride = plan.way == Syrk::tiles ? plan.tiles_across(dim) * plan.tile : (dim + 3) / 4 * 4;
  const std::int64_t by_block = limits.block_bytes / (8 * cut.stride);
  const std::int64_t by_source = limits.source_bytes / (limits.item_bytes * dim);
  const std::int64_t wanted = std::clamp<std::int64_t>(std::min(by_block, by_source), 1, n_rows);
  cut.rows = (wanted + plan.splits - 1) / plan.splits * plan.splits;
  // What is rounded up to whole splits must not leave the limits far behind.
  if (wanted < n_rows && wanted >= 2 * plan.splits) cut.rows = wanted / plan.splits * plan.splits;
  cut.blocks = (n_rows + cut.rows - 1) / cut.rows;
  cut.portion = std::max<std::int64_t>(portion_bytes / (8 * cut.stride), 64);
  return cut;
}

}  // namespace rankme::cuda
