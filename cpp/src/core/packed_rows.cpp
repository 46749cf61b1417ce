#include "rankme/packed_rows.hpp"

#include <algorithm>

#include "helpers.hpp"
#include "product_kernels.hpp"
#include "rankme/budget.hpp"

namespace rankme {

namespace {

// Columns of the result that are computed together: their panels stay in the second-level cache,
// and the squares are small enough to be shared evenly. A multiple of each kind of tile.
constexpr std::int64_t square = 192;

std::int64_t pieces(std::int64_t count, std::int64_t length) {
  return (count + length - 1) / length;
}

// Rows that go together: `rows` where each panel keeps one line of the cache free behind it. At an
// even number of lines from each other panels would meet in a few places of the cache.
std::int64_t panel_step(std::int64_t rows, std::int64_t width) { return (rows | 1) * width; }

}  // namespace

void PackedRows::reserve(std::int64_t rows, std::int64_t dim) {
  const ProductKernels& kernels = product_kernels();
  const std::int64_t needed = pieces(dim, kernels.width) * panel_step(rows, kernels.width);
  if (static_cast<std::int64_t>(memory_.size()) < needed) {
    memory_ = zeros<AlignedDoubles>(1, needed, "packed rows");
  }
  rows_ = rows;
}

void PackedRows::add_gram_of(const Block& block, std::vector<double>& gram, Helpers* helpers) {
  const ProductKernels& kernels = product_kernels();
  const std::int64_t dim = block.cols;
  const std::int64_t panels = pieces(dim, kernels.width);
  const std::int64_t side = pieces(dim, square);
  const std::int64_t panels_a_square = square / kernels.width;
  const double work = static_cast<double>(block.rows) * static_cast<double>(dim * dim);
  const bool alone = helpers == nullptr || work < 2 * least_work;
  const auto run = [&](std::int64_t count, const auto& body) {
    if (!alone) return helpers->run(count, body);
    for (std::int64_t piece = 0; piece < count; ++piece) body(piece);
  };
  const auto end_of = [&](std::int64_t i) { return std::min(panels, (i + 1) * panels_a_square); };
  for (std::int64_t first = 0; first < block.rows; first += rows_) {
    const std::int64_t rows = std::min(rows_, block.rows - first);
    const Panels packed{memory_.data(), rows, panel_step(rows, kernels.width)};
    run(side, [&](std::int64_t piece) {
      const std::int64_t begin = piece * panels_a_square;
      if (block.layout == Layout::row_major) {
        kernels.pack_rows(block.data + first * dim, dim, begin, end_of(piece), packed);
      } else {
        kernels.pack_columns(block.data + first, block.rows, dim, begin, end_of(piece), packed);
      }
    });
    // Squares on and below the diagonal, row after row.
    run(side * (side + 1) / 2, [&](std::int64_t piece) {
      std::int64_t i = 0;
      while (piece > i) piece -= ++i;
      for (std::int64_t j = piece * panels_a_square; j < end_of(piece); j += kernels.across) {
        kernels.add_tiles(packed, i * panels_a_square, end_of(i), j,
                          std::min(end_of(piece), j + kernels.across), gram.data(), dim);
      }
    });
  }
}

}  // namespace rankme
