#include "staging.hpp"

#include <algorithm>

#include "rankme/cuda/check.hpp"

namespace rankme::cuda {

Staging::Staging(Resources& resources, const MatrixView& rows, std::int64_t block_rows,
                 std::int64_t blocks)
    : resources_(resources) {
  const std::int64_t bytes = block_rows * rows.cols * item_size(rows.dtype);
  std::array<std::byte*, Filler::slots> buffers{};
  for (std::size_t slot = 0; slot < static_cast<std::size_t>(Filler::slots); ++slot) {
    if (static_cast<std::int64_t>(slot) >= blocks) break;
    resources.pinned[slot].reserve(bytes, "rows on their way to the GPU");
    resources.landed[slot].reserve(bytes, "rows on their way from the host");
    buffers[slot] = resources.pinned[slot].data();
  }
  filler_.emplace(rows, block_rows, blocks, buffers);
}

MatrixView Staging::land(std::int64_t block) {
  const auto slot_of = [](std::int64_t b) { return static_cast<std::size_t>(b % Filler::slots); };
  const std::size_t slot = slot_of(block);
  if (block >= 2) {
    // The copy before the last one has been made, or soon will be: its buffer is for the block
    // after this one. The last one is still under way, so the bus does not wait for us.
    resources_.copied[slot_of(block - 2)].synchronize();
    filler_->recycle(block - 2);
  }
  MatrixView rows = filler_->wait(block);
  if (block >= Filler::slots) resources_.consumed[slot].hold_back(resources_.copy);
  RANKME_CUDA(
      cudaMemcpyAsync(resources_.landed[slot].data(), rows.data,
                      static_cast<std::size_t>(rows.rows * rows.cols * item_size(rows.dtype)),
                      cudaMemcpyHostToDevice, resources_.copy));
  resources_.copied[slot].record(resources_.copy);
  resources_.copied[slot].hold_back(resources_.load);
  rows.data = resources_.landed[slot].data();
  return rows;
}

void Staging::release(std::int64_t block, cudaStream_t reader) {
  resources_.consumed[static_cast<std::size_t>(block % Filler::slots)].record(reader);
}

}  // namespace rankme::cuda
