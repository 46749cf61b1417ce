#include "feed.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "rankme/cuda/check.hpp"
#include "rankme/error.hpp"
#include "rankme/widen.hpp"
#include "staging.hpp"

namespace rankme::cuda {

namespace {

constexpr std::int64_t flag_count = sizeof(Flags) / sizeof(std::uint64_t);

Flags* flags_of(const Resources& resources) {
  return reinterpret_cast<Flags*>(resources.flags.data());
}

void clear_flags(Resources& resources) {
  resources.flags.reserve(flag_count, "the flags of a pass");
  resources.answer.reserve(flag_count, "the flags of a pass");
  Flags* flags = flags_of(resources);
  RANKME_CUDA(cudaMemsetAsync(flags, 0, sizeof(Flags), resources.load));
  RANKME_CUDA(cudaMemsetAsync(&flags->first_bad, 0xff, sizeof flags->first_bad, resources.load));
}

Flags read_flags(Resources& resources) {
  RANKME_CUDA(cudaMemcpyAsync(resources.answer.data(), flags_of(resources), sizeof(Flags),
                              cudaMemcpyDeviceToHost, resources.load));
  resources.load.synchronize();
  return *reinterpret_cast<const Flags*>(resources.answer.data());
}

Shape shape_of(const DevicePreparation& preparation, double factor) {
  return {preparation.normalize,    preparation.column_powers,         preparation.column_inverses,
          preparation.subtract_row, preparation.subtract_first_column, factor};
}

// The steps of one pass, which share more than a function can take.
class Feed {
public:
  Feed(Resources& resources, const Source& source, const DevicePreparation& preparation,
       const FeedPlan& plan, const FeedUser& user)
      : resources_(resources),
        source_(source),
        plan_(plan),
        user_(user),
        shape_(shape_of(preparation, plan.factor)),
        shaped_(preparation.scales() || preparation.shifts() || plan.factor != 1),
        index_(preparation.transposed ? EntryIndex{0, 1, source.view.rows}
                                      : EntryIndex{0, source.view.cols, 1}) {
    const BlockPlan& cut = plan.cut;
    reserve_blocks(resources, cut);
    clear_flags(resources);
    if (!source.on_device) staging_.emplace(resources, source.view, cut.rows, cut.blocks);
  }

  void pass(std::int64_t number) {
    const BlockPlan& cut = plan_.cut;
    const int slot = static_cast<int>(number % 2);
    const auto at = static_cast<std::size_t>(slot);
    const std::int64_t begin = number * cut.rows;
    const std::int64_t end = std::min(source_.view.rows, begin + cut.rows);
    const MatrixView rows = staging_ ? staging_->land(number) : source_.view.row_range(begin, end);
    const std::int64_t filled = (rows.rows + plan_.splits - 1) / plan_.splits * plan_.splits;
    const DeviceBlock block{resources_.blocks[at].data(), rows.rows, rows.cols, cut.stride, filled};
    if (number >= 2) resources_.multiplied[at].hold_back(resources_.load);
    for (std::int64_t row = 0; row < filled; row += cut.portion) convert(block, rows, begin, row);
    resources_.converted[at].record(resources_.load);
    resources_.converted[at].hold_back(resources_.work);
    if (user_.on_block) user_.on_block(block, rows, slot);
    resources_.multiplied[at].record(resources_.work);
    if (staging_) staging_->release(number, plan_.keeps_source ? resources_.work : resources_.load);
  }

private:
  void convert(const DeviceBlock& block, const MatrixView& rows, std::int64_t begin,
               std::int64_t row) {
    const std::int64_t filled = std::min(block.filled_rows - row, plan_.cut.portion);
    const std::int64_t count = std::clamp<std::int64_t>(rows.rows - row, 0, filled);
    const DeviceBlock portion{block.data + row * block.stride, count, block.cols, block.stride,
                              filled};
    const MatrixView from =
        rows.row_range(std::min(row, rows.rows), std::min(row, rows.rows) + count);
    EntryIndex index = index_;
    index.begin = (begin + row) * index.row;
    RANKME_CUDA(cuda::widen(from, portion, index, flags_of(resources_), resources_.load));
    if (count == 0) return;
    if (shaped_) RANKME_CUDA(shape_rows(portion, shape_, flags_of(resources_), resources_.load));
    if (user_.on_portion) user_.on_portion(portion, begin + row);
  }

  Resources& resources_;
  const Source& source_;
  const FeedPlan& plan_;
  const FeedUser& user_;
  Shape shape_;
  bool shaped_;
  EntryIndex index_;
  std::optional<Staging> staging_;
};

}  // namespace

Findings feed(Resources& resources, const Source& source, const DevicePreparation& preparation,
              const FeedPlan& plan, const FeedUser& user) {
  Feed feeding(resources, source, preparation, plan, user);
  for (std::int64_t block = 0; block < plan.cut.blocks; ++block) feeding.pass(block);
  const Flags flags = read_flags(resources);
  if (flags.first_bad != no_bad_entry) {
    const MatrixView z = preparation.transposed ? source.view.transposed() : source.view;
    const auto at = static_cast<std::int64_t>(flags.first_bad);
    throw_bad_entry(z, source.on_device, at / z.cols, at % z.cols);
  }
  const bool shaped = preparation.scales() || preparation.shifts();
  return {std::bit_cast<double>(static_cast<std::uint64_t>(shaped ? flags.shaped : flags.largest))};
}

void throw_bad_entry(const MatrixView& z, bool on_device, std::int64_t row, std::int64_t column,
                     std::optional<std::int64_t> matrix) {
  std::array<std::byte, 8> entry{};
  const std::int64_t item = item_size(z.dtype);
  RANKME_CUDA(cudaMemcpy(entry.data(), z.at(row, column), static_cast<std::size_t>(item),
                         on_device ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost));
  try {
    throw_first_nonfinite({entry.data(), z.dtype, 1, 1, item, item});
  } catch (const NonFiniteError& error) {
    throw NonFiniteError(row, column, error.value(), matrix);
  } catch (const TornError&) {
    throw NonFiniteError(row, column, std::numeric_limits<double>::quiet_NaN(), matrix);
  }
}

void reserve_blocks(Resources& resources, const BlockPlan& cut) {
  for (int slot = 0; slot < std::min<std::int64_t>(2, cut.blocks); ++slot) {
    resources.blocks[static_cast<std::size_t>(slot)].reserve(cut.rows * cut.stride, "a row block");
  }
}

std::int64_t default_block_bytes(const Resources& resources) {
  // Of the size of the device and not of what is free, so that results repeat.
  return std::clamp<std::int64_t>(resources.total_bytes / 256, 32 << 20, 256 << 20);
}

}  // namespace rankme::cuda
