#include "rankme/values.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ends.hpp"
#include "rankme/block.hpp"
#include "rankme/error.hpp"
#include "rankme/widen.hpp"

namespace rankme {

namespace {

SingularValues zeros(const Extent& extent) {
  const std::vector<double> none(static_cast<std::size_t>(extent.count));
  return {none, none, none, 0, {}, nullptr};
}

// Cuts the interval of eigenvalue k, on the scale of squares. What is nearest to the computed value
// in it is no farther from any point in it, so that the solver's ball holds as before.
void cut(SingularValues& values, std::size_t k, double least, double most) {
  const double before = k > 0 ? values.high[k - 1] : std::numeric_limits<double>::infinity();
  values.high[k] = std::min({values.high[k], std::sqrt(std::max(most, 0.0)), before});
  values.low[k] = std::max(values.low[k], std::sqrt(std::max(least, 0.0)));
  values.low[k] = std::min(values.low[k], values.high[k]);
  values.scaled[k] = std::clamp(values.scaled[k], values.low[k], values.high[k]);
}

// Of a matrix with a diagonal d, the sum of the last eigenvalues from k on is at most that of as
// many smallest d (Schur 1923), so that none of them is larger.
void cut_with_squares(const std::vector<double>& squares, SingularValues& values) {
  const std::size_t order = squares.size();
  double tail = 0;
  std::vector<double> tails(order);
  for (std::size_t i = 0; i < order; ++i) tails[order - 1 - i] = tail += squares[i];
  const auto solved = static_cast<std::size_t>(values.uncertainty.solved);
  for (std::size_t k = 0; k < std::min(solved, order); ++k) cut(values, k, 0, tails[k]);
}

// For N = L^T G L with L = [I, -C; 0, I] on the columns of B and T (docs: certified intervals),
//
//   lambda_{b + j}(G) <= lambda_j(X^T G X) + the squares left out,
//   lambda_{b + j}(G) >= min(beta / 2, lambda_j(X^T G X) - 2 ||R||^2 / beta) / (1 + ||C||)^2
//
// where beta, a lower bound of the least eigenvalue of G_BB, is that of lambda_b(G) less the
// squares of all columns outside B.
void cut_with_schur(const SmallColumns& columns, double delta, SingularValues& values) {
  const auto beside = static_cast<std::size_t>(columns.beside);
  const auto solved = static_cast<std::size_t>(values.uncertainty.solved);
  if (beside == 0 || beside > solved) return;
  const double last = values.scaled[beside - 1] * values.scaled[beside - 1];
  const double beta = last * (1 - 8 * unit_roundoff) - delta - columns.not_beside;
  const double stretch = (1 + columns.coupling) * (1 + columns.coupling) * (1 + 1e-9);
  const double below = columns.schur_error + 2 * columns.rest * columns.rest * (1 + 1e-9) / beta;
  const double above = columns.schur_error + columns.left_out;
  const bool better = beta > 0 && below < delta;
  for (std::size_t j = 0; j < columns.schur.size() && beside + j < solved; ++j) {
    const double schur = columns.schur[j];
    if (better) values.scaled[beside + j] = std::sqrt(std::max(schur, 0.0));
    cut(values, beside + j, beta > 0 ? std::min(beta / 2, schur - below) / stretch : 0,
        schur + above);
  }
  // Values from elsewhere are not in the solver's ball.
  if (better) values.uncertainty.solved = columns.beside;
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

// A sum of positive numbers: no cancellation. What underflowed is less than 2^62 times 2^-1022.
double largest_square(double entry, double depth) {
  return entry * (1 + 2 * (depth + 8) * unit_roundoff) + 0x1p-960;
}

SingularValues from_eigenvalues(std::span<const double> ascending, int exponent,
                                const Extent& extent, const GramAccuracy& accuracy, double absolute,
                                const SmallColumns& columns, double solver_scale) {
  SingularValues values = zeros(extent);
  values.exponent = exponent;
  if (ascending.empty()) return values;
  const auto order = static_cast<std::int64_t>(ascending.size());
  const double largest = std::max(std::abs(ascending.front()), std::abs(ascending.back()));
  const double solver = solver_error(order);
  const double scale = solver_scale > 0 ? solver_scale : largest;
  const double delta = accuracy.delta + solver * scale;
  // No sum of squares has eigenvalues below zero, and rounding explains delta.
  if (ascending.front() < -16 * delta) throw IntegrityError(-ascending.front(), delta);
  const std::vector<double> descending(ascending.rbegin(), ascending.rend());
  const std::int64_t solved = std::min(order, extent.rank);
  set_ends(descending.data(), solved, delta, ends_of(values));
  Uncertainty& uncertainty = values.uncertainty;
  uncertainty.solved = solved;
  uncertainty.ball = accuracy.delta;
  uncertainty.free = solver * scale;
  uncertainty.solver_frobenius =
      solver * (solver_scale > 0 ? solver_scale : euclidean_norm(ascending)) * (1 + 1e-9);
  cut_with_squares(columns.squares, values);
  cut_with_schur(columns, delta, values);
  // The root rounds.
  uncertainty.relative = 2 * unit_roundoff + extent.normalization;
  uncertainty.absolute = extent.rounding + absolute;
  inflate_ends(ends_of(values), uncertainty.relative, uncertainty.absolute);
  return values;
}

SingularValues from_factor_values(std::span<const double> descending, const Extent& extent,
                                  double error) {
  SingularValues values = zeros(extent);
  const auto rank = static_cast<std::size_t>(extent.rank);
  const std::size_t solved = std::min(rank, descending.size());
  for (std::size_t k = 0; k < solved; ++k) {
    values.scaled[k] = descending[k];
    values.low[k] = std::max(0.0, descending[k] - error);
    values.high[k] = descending[k] + error;
  }
  Uncertainty& uncertainty = values.uncertainty;
  uncertainty.of_squares = false;
  uncertainty.ball = error;
  uncertainty.relative = extent.normalization;
  uncertainty.absolute = extent.rounding;
  uncertainty.solved = static_cast<std::int64_t>(solved);
  inflate_ends(ends_of(values), uncertainty.relative, uncertainty.absolute);
  return values;
}

Interval rankme_bounds(const SingularValues& values, double eps) {
  return rankme_bounds(values.scaled, values.low, values.high, values.uncertainty, eps);
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
