// Rows in host memory on their way to the device: threads fill pinned buffers while the device
// copies from others.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "filler.hpp"
#include "rankme/cuda/handles.hpp"
#include "rankme/matrix_view.hpp"

namespace rankme::cuda {

// The bytes of a pinned buffer, where a row is not longer.
constexpr std::int64_t staging_bytes = 32 << 20;

// Brings the blocks of a view over in their order. Reads ahead; the last call of land() returns
// after the last read.
class Staging {
public:
  Staging(Resources& resources, const MatrixView& rows, std::int64_t block_rows,
          std::int64_t blocks);

  // The block in device memory; the load stream waits until it is there.
  MatrixView land(std::int64_t block);
  // What was put on `reader` so far is the last that reads it.
  void release(std::int64_t block, cudaStream_t reader);

private:
  Resources& resources_;
  std::optional<Filler> filler_;
};

}  // namespace rankme::cuda
