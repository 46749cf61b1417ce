// The inner loop of a sum of products in float32, made for each kind of processor. Private to
// cpp/src.
#pragma once

#include <cstdint>

#include "kinds.hpp"

namespace rankme {

// Columns go in panels of so many, one behind the other; row after row within a panel.
constexpr std::int64_t panel_width = 32;
// So many rows are multiplied and added in float32, one after the other, before their sum goes to
// float64: fewer would go there too often, more would round too much.
constexpr std::int64_t chunk_rows = 128;

// Rows that are added up in float32: from row `first` of a panel on. Their products count `factor`
// times, which is a power of two.
struct Chunk {
  std::int64_t first, rows;
  double factor;
};

struct FloatKernels {
  // to(i, j) += factor * sum of down(r, i) across(r, j) over each chunk, for two panels; the result
  // is 32 x 32 doubles, `stride` from row to row. `soon`: the square that is needed next, laid out
  // in the same way, to be fetched meanwhile; or null.
  void (*add_square)(const float* down, const float* across, const Chunk* chunks,
                     std::int64_t count, double* to, std::int64_t stride, const double* soon);
};

// Those of this processor.
const FloatKernels& float_kernels();

// All that it can run.
Kinds<FloatKernels> kinds_of_float_kernels();

}  // namespace rankme
