#include "rankme/row_adder.hpp"

#include <algorithm>
#include <cmath>

#include "blas.hpp"
#include "rankme/memory.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

// gram += block^T block, the lower triangle in row-major order (LAPACK's upper).
void syrk(const Block& block, std::vector<double>& gram) {
  const int n = static_cast<int>(block.cols);
  const int k = static_cast<int>(block.rows);
  const double one = 1;
  // What is row-major to us is the transpose to Fortran.
  const bool rows_first = block.layout == Layout::row_major;
  const int lda = rows_first ? n : k;
  const BlasCall call;
  RANKME_BLAS(dsyrk_)("U", rows_first ? "N" : "T", &n, &k, &one, block.data, &lda, &one,
                      gram.data(), &n);
}

}  // namespace

std::int64_t rows_a_block(std::int64_t dim, bool blas_threads) {
  const std::int64_t row_bytes = 8 * dim;
  // BLAS's own threads need more to share, and there is one block and not one a thread.
  if (blas_threads) return std::clamp<std::int64_t>((16 << 20) / row_bytes, 64, 768);
  // 192 rows a dsyrk suit OpenBLAS at every width: a block that stays in the second-level cache,
  // and no multiple of 256, which collides in it. Narrow rows take more of them, wide ones fewer.
  const std::int64_t rows = 192 * std::max<std::int64_t>(1, (256 << 10) / (192 * row_bytes));
  return std::min(rows, std::max<std::int64_t>(64, (4 << 20) / row_bytes));
}

void RowAdder::reserve(std::int64_t block_rows, std::int64_t dim) {
  const auto needed = static_cast<std::size_t>(block_rows * dim);
  if (block_.size() < needed) block_ = zeros(block_rows, dim, "a row block");
  block_sums_.resize(static_cast<std::size_t>(dim));
  probe_scratch_.resize(static_cast<std::size_t>(block_rows * probe_count));
}

bool RowAdder::add(GramSum& sum, const MatrixView& rows, bool normalize, const double* probes,
                   const Preparation& preparation) {
  const Block block{block_.data(), rows.rows, rows.cols, natural_layout(rows)};
  const BlockFacts facts = widen(rows, block.layout, block.data);
  if (!facts.finite) return false;

  double largest = facts.largest;
  if (normalize || preparation.column_scales != nullptr) {
    if (normalize) normalize_rows(block);
    if (preparation.column_scales != nullptr) scale_columns(block, preparation.column_scales);
    largest = largest > 0 ? 1 : 0;  // the entries of a unit vector are at most 1
  }
  if (preparation.subtract_row != nullptr) subtract_row(block, preparation.subtract_row);
  if (preparation.subtract_first_column) subtract_first_column(block);
  if (preparation.shifts()) largest = largest_magnitude(block);
  sum.fit_scale(largest);
  if (sum.exponent != 0) scale_all(block, std::ldexp(1.0, -sum.exponent));

  sum_columns(block, block_sums_.data());
  for (std::size_t j = 0; j < block_sums_.size(); ++j) sum.column_sums[j] += block_sums_[j];
  if (probes != nullptr) {
    add_probe_products(block, probes, probe_scratch_.data(), sum.probe_products.data());
  }
  syrk(block, sum.gram);
  sum.blocks += 1;
  sum.longest_block = std::max(sum.longest_block, block.rows);
  return true;
}

}  // namespace rankme
