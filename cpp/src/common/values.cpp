#include "rankme/values.hpp"

#include <algorithm>
#include <cmath>

#include "ends.hpp"
#include "rankme/block.hpp"
#include "rankme/error.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

SingularValues zeros(const Extent& extent) {
  const std::vector<double> none(static_cast<std::size_t>(extent.count));
  return {none, none, none, 0};
}

}  // namespace

// N centred rows add up to zero, so they span N - 1 directions at most.
Extent extent_of(std::int64_t n_rows, std::int64_t n_cols, bool center, bool normalize) {
  const std::int64_t count = std::min(n_rows, n_cols);
  const std::int64_t rank = std::min(center ? n_rows - 1 : n_rows, n_cols);
  if (!normalize) return {count, rank};
  // A sum of K squares, its root and two products; and N rows of length 1. Rows that are off by a
  // factor each move singular values by such factors as well, but not those of the centred rows,
  // which may be nothing but what is off.
  const double factor = (static_cast<double>(n_cols) + 8) * unit_roundoff;
  const double entries = 4 * unit_roundoff * std::sqrt(static_cast<double>(n_rows));
  if (!center) return {count, rank, factor, entries};
  return {count, rank, 0, factor * std::sqrt(static_cast<double>(n_rows)) + entries};
}

std::vector<std::int64_t> live_dimensions(const double* diagonal, std::int64_t stride,
                                          const double* column_sums, std::int64_t dim) {
  std::vector<std::int64_t> live;
  for (std::int64_t i = 0; i < dim; ++i) {
    // |G_ij| <= sqrt(G_ii G_jj): a zero on the diagonal is a whole row of zeros. Entries so small
    // that their squares vanish beside the others still have a sum.
    if (diagonal[i * stride] > 0 || column_sums[i] != 0) live.push_back(i);
  }
  return live;
}

SingularValues from_eigenvalues(std::span<const double> ascending, int exponent,
                                const Extent& extent, const GramAccuracy& accuracy, double absolute,
                                double solver_scale) {
  SingularValues values = zeros(extent);
  values.exponent = exponent;
  if (ascending.empty()) return values;
  const auto order = static_cast<std::int64_t>(ascending.size());
  const double largest = std::max(std::abs(ascending.front()), std::abs(ascending.back()));
  const double scale = solver_scale > 0 ? solver_scale : largest;
  const double delta = accuracy.delta + solver_error(order) * scale;
  // No sum of squares has eigenvalues below zero, and rounding explains delta.
  if (ascending.front() < -16 * delta) throw IntegrityError(-ascending.front(), delta);
  const std::vector<double> descending(ascending.rbegin(), ascending.rend());
  set_ends(descending.data(), std::min(order, extent.rank), delta, ends_of(values));
  // The root rounds.
  inflate_ends(ends_of(values), 2 * unit_roundoff + extent.normalization,
               extent.rounding + absolute);
  return values;
}

SingularValues from_factor_values(std::span<const double> descending, const Extent& extent,
                                  double error) {
  SingularValues values = zeros(extent);
  const auto rank = static_cast<std::size_t>(extent.rank);
  for (std::size_t k = 0; k < std::min(rank, descending.size()); ++k) {
    values.scaled[k] = descending[k];
    values.low[k] = std::max(0.0, descending[k] - error);
    values.high[k] = descending[k] + error;
  }
  inflate_ends(ends_of(values), extent.normalization, extent.rounding);
  return values;
}

MatrixView sample_of(const MatrixView& z) {
  MatrixView sample = z.row_range(0, std::min<std::int64_t>(z.rows, 192));
  sample.cols = std::min<std::int64_t>(z.cols, 4096);
  return sample;
}

bool mean_dominates(const MatrixView& sample, bool normalize) {
  std::vector<double> entries(static_cast<std::size_t>(sample.rows * sample.cols));
  const Block block{entries.data(), sample.rows, sample.cols, Layout::row_major};
  if (!widen(sample, block.layout, block.data).finite) return false;  // found and named later
  if (normalize) normalize_rows(block);
  double from_zero = 0;
  double from_first = 0;
  for (std::int64_t i = 0; i < block.rows; ++i) {
    for (std::int64_t j = 0; j < block.cols; ++j) {
      const double x = block.data[i * block.cols + j];
      // No shift of entries whose differences may overflow: infinity is not below infinity.
      if (std::abs(x) > 0x1p1000) return false;
      from_zero += x * x;
      from_first += (x - block.data[j]) * (x - block.data[j]);
    }
  }
  return from_first < 0.5 * from_zero;
}

}  // namespace rankme
