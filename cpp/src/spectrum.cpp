#include "rankme/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "ends.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/block.hpp"
#include "rankme/eigen.hpp"
#include "rankme/error.hpp"

namespace rankme {

namespace {

// ---- centring ----------------------------------------------------------------------------------

// G <- G - s s^T / N: the Gram matrix of the rows less their mean.
void center_columns(GramSum& sum, std::int64_t n_rows) {
  const double n = static_cast<double>(n_rows);
  for (std::int64_t i = 0; i < sum.dim; ++i) {
    double* row = sum.gram.data() + i * sum.dim;
    const double mean = sum.column_sums[static_cast<std::size_t>(i)] / n;
    for (std::int64_t j = 0; j <= i; ++j) {
      row[j] -= mean * sum.column_sums[static_cast<std::size_t>(j)];
    }
  }
}

// G <- H G H with H = I - 1 1^T / N, where G = Z Z^T is the N x N Gram matrix of the rows: the
// same centring seen from the other side, which needs no column sums.
void center_both_sides(GramSum& sum) {
  const std::int64_t n = sum.dim;
  std::vector<double> means(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    const double* row = sum.gram.data() + i * n;
    for (std::int64_t j = 0; j < i; ++j) {
      means[static_cast<std::size_t>(i)] += row[j];
      means[static_cast<std::size_t>(j)] += row[j];
    }
    means[static_cast<std::size_t>(i)] += row[i];
  }
  double grand_mean = 0;
  for (double& mean : means) {
    mean /= static_cast<double>(n);
    grand_mean += mean / static_cast<double>(n);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    double* row = sum.gram.data() + i * n;
    const double shift = means[static_cast<std::size_t>(i)] - grand_mean;
    for (std::int64_t j = 0; j <= i; ++j) row[j] -= means[static_cast<std::size_t>(j)] + shift;
  }
}

// ---- from a factor to singular values ----------------------------------------------------------

// The dimensions in which there is anything at all. A dead one has an eigenvalue of exactly 0; the
// solver would make it eps * lambda_1, and its root is no longer small. Asked before centring: a
// diagonal entry that centring has cancelled is rounding, and no exact zero.
std::vector<std::int64_t> live_dimensions(const GramSum& sum) {
  std::vector<std::int64_t> live;
  for (std::int64_t i = 0; i < sum.dim; ++i) {
    // |G_ij| <= sqrt(G_ii G_jj): a zero on the diagonal is a whole row of zeros. Entries so small
    // that their squares vanish beside the others still have a sum.
    const auto at = static_cast<std::size_t>(i);
    if (sum.gram[at * static_cast<std::size_t>(sum.dim) + at] > 0 || sum.column_sums[at] != 0) {
      live.push_back(i);
    }
  }
  return live;
}

// Moves their rows and columns together, in place.
void keep_dimensions(GramSum& sum, const std::vector<std::int64_t>& kept) {
  const auto order = static_cast<std::int64_t>(kept.size());
  if (order == sum.dim) return;
  for (std::int64_t i = 0; i < order; ++i) {
    const double* from = sum.gram.data() + kept[static_cast<std::size_t>(i)] * sum.dim;
    double* to = sum.gram.data() + i * order;
    for (std::int64_t j = 0; j <= i; ++j) to[j] = from[kept[static_cast<std::size_t>(j)]];
  }
}

SingularValues zeros(const Extent& extent) {
  const std::vector<double> none(static_cast<std::size_t>(extent.count));
  return {none, none, none, 0};
}

Ends ends_of(SingularValues& values) {
  return {values.scaled.data(), values.low.data(), values.high.data(),
          static_cast<std::int64_t>(values.scaled.size())};
}

// `order` is that of the matrix in sum.gram. Every eigenvalue lies within delta of the exact one,
// and within the solver's own error of the one that it should have found.
SingularValues from_gram(GramSum sum, std::int64_t order, const Extent& extent,
                         const GramAccuracy& accuracy, bool center) {
  SingularValues values = zeros(extent);
  values.exponent = sum.exponent;
  if (order == 0) return values;
  std::vector<double> eigenvalues = symmetric_eigenvalues(sum.gram.data(), order);
  std::reverse(eigenvalues.begin(), eigenvalues.end());
  const double largest = std::max(std::abs(eigenvalues.front()), std::abs(eigenvalues.back()));
  const double delta = accuracy.delta + solver_error(order) * largest;
  // No sum of squares has eigenvalues below zero, and rounding explains delta.
  if (eigenvalues.back() < -16 * delta) throw IntegrityError(-eigenvalues.back(), delta);
  set_ends(eigenvalues.data(), std::min(order, extent.rank), delta, ends_of(values));
  // The root rounds, and so does the subtraction of a vector from every row where there was one.
  const double subtraction = center ? 2 * unit_roundoff * std::sqrt(accuracy.trace) : 0;
  widen_ends(ends_of(values), 2 * unit_roundoff + extent.normalization,
             extent.rounding + subtraction);
  return values;
}

// The same of a Gram matrix of columns, centred on the way where that is asked for.
SingularValues from_columns(GramSum sum, std::int64_t n_rows, const Extent& extent,
                            GramAccuracy accuracy, bool center) {
  const std::vector<std::int64_t> live = live_dimensions(sum);
  if (center) {
    accuracy.delta += column_centering_error(sum, accuracy, static_cast<double>(n_rows));
    center_columns(sum, n_rows);
  }
  keep_dimensions(sum, live);
  const auto order = static_cast<std::int64_t>(live.size());
  return from_gram(std::move(sum), order, extent, accuracy, center);
}

SingularValues from_factor(QrFactor factor, const Extent& extent, double error, bool center) {
  SingularValues values = zeros(extent);
  const std::vector<double> computed = std::move(factor).singular_values(center);
  const auto rank = static_cast<std::size_t>(extent.rank);
  for (std::size_t k = 0; k < std::min(rank, computed.size()); ++k) {
    values.scaled[k] = computed[k];
    values.low[k] = std::max(0.0, computed[k] - error);
    values.high[k] = computed[k] + error;
  }
  widen_ends(ends_of(values), extent.normalization, extent.rounding);
  return values;
}

// ---- one matrix --------------------------------------------------------------------------------

std::vector<UnitScale> row_scales(const MatrixView& z) {
  std::vector<UnitScale> scales(static_cast<std::size_t>(z.rows));
  std::vector<double> row(static_cast<std::size_t>(z.cols));
  for (std::int64_t i = 0; i < z.rows; ++i) {
    if (!widen(z.row_range(i, i + 1), Layout::row_major, row.data()).finite) {
      throw_first_nonfinite(z);
    }
    scales[static_cast<std::size_t>(i)] = unit_scale(row.data(), z.cols, 1);
  }
  return scales;
}

// Whether rows are nearer to the first row than to zero, by a sample of them: then their mean is
// longer than the spread around it, and centring at the end would lose what it cancels.
bool mean_dominates(const MatrixView& z, bool normalize) {
  MatrixView sample = z.row_range(0, std::min<std::int64_t>(z.rows, 192));
  sample.cols = std::min<std::int64_t>(z.cols, 4096);
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

// The first row of z as it enters the sum.
std::vector<double> first_row(const MatrixView& z, bool normalize) {
  std::vector<double> row(static_cast<std::size_t>(z.cols));
  const Block block{row.data(), 1, z.cols, Layout::row_major};
  if (!widen(z.row_range(0, 1), block.layout, block.data).finite) throw_first_nonfinite(z);
  if (normalize) normalize_rows(block);
  return row;
}

SingularValues by_gram(const MatrixView& z, bool center, bool normalize) {
  const Extent extent = extent_of(z.rows, z.cols, center, normalize);
  const bool wide = z.rows < z.cols;
  const std::vector<UnitScale> scales =
      wide && normalize ? row_scales(z) : std::vector<UnitScale>{};
  const bool shift = center && mean_dominates(z, normalize);
  const std::vector<double> origin =
      shift && !wide ? first_row(z, normalize) : std::vector<double>{};
  Preparation preparation;
  if (!scales.empty()) preparation.column_scales = scales.data();
  if (!origin.empty()) preparation.subtract_row = origin.data();
  preparation.subtract_first_column = shift && wide;
  GramAccumulator accumulator(wide ? z.rows : z.cols, !wide && normalize, 0);
  if (!accumulator.consume(wide ? z.transposed() : z, preparation)) throw_first_nonfinite(z);
  const std::vector<double> probes = accumulator.probes();
  GramSum sum = std::move(accumulator).take();
  GramAccuracy accuracy = measure_accuracy(sum, probes);
  if (center && wide) {
    // Rows of Z: the mean is taken over all of them, those of zeros as well.
    accuracy.delta += two_sided_centering_error(sum, accuracy);
    center_both_sides(sum);
    return from_gram(std::move(sum), z.rows, extent, accuracy, center);
  }
  return from_columns(std::move(sum), z.rows, extent, accuracy, center);
}

SingularValues by_qr(const MatrixView& z, bool center, bool normalize) {
  const Extent extent = extent_of(z.rows, z.cols, center, normalize);
  const bool wide = z.rows < z.cols;
  const std::vector<UnitScale> scales =
      wide && normalize ? row_scales(z) : std::vector<UnitScale>{};
  QrAccumulator accumulator(wide ? z.rows : z.cols, !wide && normalize,
                            wide ? QrAccumulator::Means::none : QrAccumulator::Means::kept);
  if (!accumulator.consume(wide ? z.transposed() : z, scales.empty() ? nullptr : scales.data())) {
    throw_first_nonfinite(z);
  }
  QrFactor factor = std::move(accumulator).take();
  const double error = factor.error();  // relative to the rows as they came
  if (center && wide) factor.center_rows();
  return from_factor(std::move(factor), extent, error, center && !wide);
}

}  // namespace

SingularValues singular_values(const GramAccumulator& accumulator, bool center,
                               std::int64_t* n_rows) {
  GramSum sum = accumulator.total(n_rows);
  return singular_values(std::move(sum), accumulator.probes(), *n_rows, center,
                         accumulator.normalize());
}

SingularValues singular_values(GramSum sum, const std::vector<double>& probes, std::int64_t n_rows,
                               bool center, bool normalize) {
  if (n_rows < 1) throw std::invalid_argument("the accumulator has no rows yet");
  const GramAccuracy accuracy = measure_accuracy(sum, probes);
  const Extent extent = extent_of(n_rows, sum.dim, center, normalize);
  return from_columns(std::move(sum), n_rows, extent, accuracy, center);
}

SingularValues singular_values(const QrAccumulator& accumulator, bool center,
                               std::int64_t* n_rows) {
  QrFactor factor = accumulator.total(n_rows);
  if (*n_rows < 1) throw std::invalid_argument("the accumulator has no rows yet");
  const Extent extent = extent_of(*n_rows, accumulator.dim(), center, accumulator.normalize());
  const double error = factor.error();
  return from_factor(std::move(factor), extent, error, center);
}

SingularValues singular_values(const MatrixView& z, bool center, bool normalize, Method method) {
  if (z.rows < 1 || z.cols < 1) throw std::invalid_argument("the spectrum of an empty matrix");
  return method == Method::qr ? by_qr(z, center, normalize) : by_gram(z, center, normalize);
}

}  // namespace rankme
