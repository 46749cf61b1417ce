#include "products.hpp"

#include <algorithm>
#include <cmath>

#include "blas.hpp"
#include "rankme/budget.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// Narrower tiles cost more in what BLAS copies of the rows than a better balance brings.
constexpr std::int64_t least_tile = 128;

// What is row-major to us is the transpose to Fortran.
struct FortranBlock {
  explicit FortranBlock(const Block& block)
      : data(block.data),
        rows_first(block.layout == Layout::row_major),
        rows(static_cast<int>(block.rows)),
        step(static_cast<int>(rows_first ? block.cols : block.rows)) {}

  const double* column(std::int64_t j) const { return data + j * (rows_first ? 1 : rows); }

  const double* data;
  bool rows_first;
  int rows;
  int step;
};

// Entries `begin` to `end` of both sides.
void add_square(const FortranBlock& block, std::int64_t begin, std::int64_t end, std::int64_t dim,
                double* gram) {
  const int n = static_cast<int>(end - begin);
  const int step = static_cast<int>(dim);
  const double one = 1;
  const BlasCall call;
  RANKME_BLAS(dsyrk_)("U", block.rows_first ? "N" : "T", &n, &block.rows, &one, block.column(begin),
                      &block.step, &one, gram + begin * (dim + 1), &step);
}

// Those of rows of the Gram matrix beside an earlier range of columns.
void add_rectangle(const FortranBlock& block, std::int64_t row, std::int64_t row_end,
                   std::int64_t col, std::int64_t col_end, std::int64_t dim, double* gram) {
  const int m = static_cast<int>(col_end - col);
  const int n = static_cast<int>(row_end - row);
  const int step = static_cast<int>(dim);
  const double one = 1;
  const BlasCall call;
  RANKME_BLAS(dgemm_)(block.rows_first ? "N" : "T", block.rows_first ? "T" : "N", &m, &n,
                      &block.rows, &one, block.column(col), &block.step, block.column(row),
                      &block.step, &one, gram + row * dim + col, &step);
}

// Four pieces of work a thread and more, where they are not too narrow.
std::int64_t tiles_a_side(std::int64_t dim, int threads) {
  const auto wanted = static_cast<std::int64_t>(std::ceil(std::sqrt(8.0 * threads)));
  return std::clamp<std::int64_t>(dim / least_tile, 1, wanted);
}

}  // namespace

void add_gram_of(const Block& block, std::vector<double>& gram, Helpers* helpers) {
  const FortranBlock rows(block);
  const std::int64_t dim = block.cols;
  const double work = static_cast<double>(block.rows) * static_cast<double>(dim * dim);
  const std::int64_t side = helpers == nullptr ? 1 : tiles_a_side(dim, helpers->threads());
  if (side == 1 || work < 2 * least_work) {
    add_square(rows, 0, dim, dim, gram.data());
    return;
  }
  // Edges at full cache lines.
  const auto edge = [&](std::int64_t i) { return i == side ? dim : i * dim / side / 8 * 8; };
  // The rectangles, which are taken first, are twice the work of the squares.
  helpers->run(side * (side + 1) / 2, [&](std::int64_t piece) {
    if (piece < side) return add_square(rows, edge(piece), edge(piece + 1), dim, gram.data());
    std::int64_t row = 1;
    std::int64_t col = piece - side;
    while (col >= row) col -= row++;
    add_rectangle(rows, edge(row), edge(row + 1), edge(col), edge(col + 1), dim, gram.data());
  });
}

}  // namespace rankme
