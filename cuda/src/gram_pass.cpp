#include <algorithm>
#include <cmath>
#include <memory>

#include "feed.hpp"
#include "kernels/kernels.hpp"
#include "products.hpp"
#include "rankme/cuda/check.hpp"
#include "rankme/cuda/gram.hpp"
#include "rankme/probe.hpp"
#include "staging.hpp"

namespace rankme::cuda {

namespace {

// float32's unit roundoff in units of float64's: the additions of a chunk count as so many more in
// the bound that the probes are held against.
constexpr std::int64_t coarseness = std::int64_t{1} << 29;

struct Pass {
  SyrkPlan plan;
  FeedPlan feed;
};

Pass plan_pass(const Resources& resources, const Source& source, const PassOptions& options,
               bool fast, int exponent) {
  Pass pass{};
  const std::int64_t block_bytes =
      options.block_bytes > 0 ? options.block_bytes : default_block_bytes(resources);
  // Rows from the host come in what a pinned buffer holds.
  const BlockLimits limits{block_bytes, source.on_device ? block_bytes : staging_bytes,
                           item_size(source.view.dtype)};
  const std::int64_t at_once = plan_blocks(source.view.rows, source.view.cols, {}, limits).rows;
  if (!fast) pass.plan = fit_rows(options.plan, at_once);
  pass.feed.cut = plan_blocks(source.view.rows, source.view.cols, pass.plan, limits);
  pass.feed.splits = pass.plan.splits;
  pass.feed.factor = std::ldexp(1.0, -exponent);
  pass.feed.keeps_source = fast;
  return pass;
}

Findings run(Resources& resources, const Source& source, const DevicePreparation& preparation,
             const DeviceProbes& probes, const Pass& pass, bool fast, DeviceSum& sum) {
  const BlockPlan& cut = pass.feed.cut;
  reserve_blocks(resources, cut);
  const std::int64_t portion = std::min(cut.portion, cut.rows);
  resources.scratch.reserve(
      probe_count * portion + (probe_count + 1) * sum.dim * probe_ranges(portion, sum.dim),
      "the sums of probes");
  const std::unique_ptr<Products> products =
      fast
          ? fast_products(resources, sum.dim, cut.rows, sum.gram.data())
          : float64_products(resources, pass.plan, cut, source.view.rows, sum.dim, sum.gram.data());
  FeedUser user;
  user.on_portion = [&](const DeviceBlock& rows, std::int64_t row) {
    RANKME_CUDA(probe_products(rows, probes.by_probe.data(), resources.scratch.data(),
                               sum.probe_products.data(), sum.column_sums.data(), row > 0,
                               resources.load));
  };
  user.on_block = [&](const DeviceBlock& block, const MatrixView& rows, int slot) {
    products->add(block, rows, slot);
  };
  const Findings findings = feed(resources, source, preparation, pass.feed, user);
  products->finish();
  resources.work.synchronize();
  // The longest chain of additions: from block to block, of portions where those are smaller, and
  // from range to range of a portion's probes.
  const std::int64_t portions = (cut.rows + portion - 1) / portion;
  sum.blocks = cut.blocks * portions + pass.plan.splits + probe_ranges(portion, sum.dim);
  sum.longest_block = fast ? coarseness * fast_chunk_rows : cut.rows;
  return findings;
}

}  // namespace

PassFacts gram_pass(Resources& resources, const Source& source,
                    const DevicePreparation& preparation, const DeviceProbes& probes,
                    const PassOptions& options, DeviceSum& sum) {
  // Rows from the host arrive without gaps.
  bool fast = options.precision == Precision::fast && sum.exponent == 0 && !preparation.scales() &&
              !preparation.shifts() && knows_fast(source.view.dtype, resources.device) &&
              (!source.on_device || can_be_fast(source.view));
  const bool may_shrink = sum.zero;
  for (;;) {
    const Pass pass = plan_pass(resources, source, options, fast, sum.exponent);
    const double largest = run(resources, source, preparation, probes, pass, fast, sum).largest;
    const int fitted = fitted_exponent(largest, sum.exponent, may_shrink);
    const bool too_wide = fast && !fast_range(largest);
    // Rare: entries of another order of magnitude than those before. The rows go by once more.
    if (fitted == sum.exponent && !too_wide) {
      sum.zero = largest == 0;
      return {largest, fast};
    }
    sum.exponent = fitted;
    fast = false;
  }
}

}  // namespace rankme::cuda
