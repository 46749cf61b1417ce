// B^T B of blocks, summed up on the work stream: one class for each way.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/kernels.hpp"
#include "rankme/cuda/gram.hpp"
#include "rankme/cuda/handles.hpp"
#include "rankme/cuda/syrk.hpp"
#include "rankme/matrix_view.hpp"

namespace rankme::cuda {

class Products {
public:
  virtual ~Products() = default;
  // The next block, in slot 0 or 1, and its rows as they came.
  virtual void add(const DeviceBlock& block, const MatrixView& source, int slot) = 0;
  // After the last block: gram <- the sum of all.
  virtual void finish() = 0;
};

// For sums of dim columns. cut: how the blocks are cut.
std::unique_ptr<Products> float64_products(Resources& resources, const SyrkPlan& plan,
                                           const BlockPlan& cut, std::int64_t n_rows,
                                           std::int64_t dim, double* gram);

// Rows of float16 or bfloat16 on tensor cores: float32 sums over this many rows, float64 across.
constexpr std::int64_t fast_chunk_rows = 2048;
std::unique_ptr<Products> fast_products(Resources& resources, std::int64_t dim,
                                        std::int64_t block_rows, double* gram);
// Whether the device has tensor cores for the dtype.
bool knows_fast(DType dtype, int device);
// Whether the rows can be multiplied as they lie.
bool can_be_fast(const MatrixView& rows);
// Whether entries of this magnitude have float32 products that neither overflow nor vanish.
bool fast_range(double largest);

}  // namespace rankme::cuda
