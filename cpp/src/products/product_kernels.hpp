// The inner loop of rows multiplied with themselves, made for each kind of processor. Private to
// cpp/src.
#pragma once

#include <cstdint>

#include "kinds.hpp"

namespace rankme {

// Rows of a block, packed for products: their columns in panels of a register's width. Row r of
// panel p begins at data + p * step + r * width; columns beyond the last one are zeros.
struct Panels {
  double* data;
  std::int64_t rows;
  std::int64_t step;
};

// Of a few long lines, so many times as many go into a tile.
constexpr std::int64_t lines_a_tile = 4;

struct ProductKernels {
  std::int64_t width;   // columns of a panel, and rows of a tile of the result
  std::int64_t across;  // panels beside each other in a tile

  // Panels `first` to `last` of a block of `cols` columns: of one that is row-major, or of one
  // whose columns are `step` apart.
  void (*pack_rows)(const double* block, std::int64_t cols, std::int64_t first, std::int64_t last,
                    const Panels& to);
  void (*pack_columns)(const double* block, std::int64_t step, std::int64_t cols,
                       std::int64_t first, std::int64_t last, const Panels& to);
  // gram (dim, dim) += what panels `down` to `down_end` times panels `beside` to `beside_end` are,
  // at most `across` of them, up to the diagonal. An entry is the sum over the rows in their order,
  // whatever else is computed with it.
  void (*add_tiles)(const Panels& panels, std::int64_t down, std::int64_t down_end,
                    std::int64_t beside, std::int64_t beside_end, double* gram, std::int64_t dim);
  // gram (order, order) += the products of lines `first` to `first` + lines_a_tile with those up to
  // themselves: of `order` lines behind each other, a multiple of lines_a_tile, that need not be
  // packed. Each lane of a register sums up its part of a line, and the rest comes one by one.
  void (*add_lines)(const double* lines, std::int64_t first, std::int64_t order,
                    std::int64_t length, double* gram);
};

// Those of this processor.
const ProductKernels& product_kernels();

// All that it can run.
Kinds<ProductKernels> kinds_of_product_kernels();

}  // namespace rankme
