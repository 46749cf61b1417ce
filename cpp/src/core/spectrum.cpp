#include "rankme/spectrum.hpp"

#include <stdexcept>
#include <utility>
#include <vector>

#include "nearly_dead.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/block.hpp"
#include "rankme/eigen.hpp"
#include "rankme/ledger.hpp"
#include "rankme/measure.hpp"
#include "rankme/widen.hpp"

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

// `order` is that of the matrix in sum.gram.
SingularValues from_gram(GramSum sum, std::int64_t order, const Extent& extent,
                         const GramAccuracy& accuracy, bool center,
                         const SmallColumns& columns = {}) {
  const std::vector<double> ascending =
      order > 0 ? symmetric_eigenvalues(sum.gram.data(), order) : std::vector<double>{};
  return from_eigenvalues(ascending, sum.exponent, extent, accuracy, center, columns);
}

// The same of a Gram matrix of columns, centred on the way where that is asked for.
SingularValues from_columns(GramSum sum, std::int64_t n_rows, const Extent& extent,
                            GramAccuracy accuracy, bool center) {
  // Asked before centring: a diagonal entry that centring has cancelled is rounding, and no exact
  // zero. Centring makes no column longer.
  const std::vector<std::int64_t> live =
      live_dimensions(sum.gram.data(), sum.dim + 1, sum.column_sums.data(), sum.dim);
  const double depth = addition_depth(sum.blocks, sum.longest_block);
  std::vector<double> squares;
  for (const std::int64_t i : live) {
    const double entry = sum.gram[static_cast<std::size_t>(i * (sum.dim + 1))];
    squares.push_back(largest_square(entry, depth));
  }
  if (center) {
    accuracy.delta +=
        column_centering_error(depth, sum.column_sums, accuracy, static_cast<double>(n_rows));
    center_columns(sum, n_rows);
  }
  keep_dimensions(sum, live);
  const auto order = static_cast<std::int64_t>(live.size());
  const SmallColumns columns = small_columns(sum.gram.data(), order, squares, depth, accuracy);
  return from_gram(std::move(sum), order, extent, accuracy, center, columns);
}

SingularValues from_factor(QrFactor factor, const Extent& extent, double error, bool center) {
  return from_factor_values(singular_values(std::move(factor), center), extent, error);
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

SingularValues by_gram(const MatrixView& z, bool center, bool normalize) {
  const Extent extent = extent_of(z.rows, z.cols, center, normalize);
  const bool wide = z.rows < z.cols;
  const std::vector<UnitScale> scales =
      wide && normalize ? row_scales(z) : std::vector<UnitScale>{};
  const bool shift = center && mean_dominates(sample_of(z), normalize);
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
    accuracy.delta += two_sided_centering_error(sum.dim, accuracy);
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
                            wide ? Means::none : Means::kept);
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
  require_rows(n_rows);
  const GramAccuracy accuracy = measure_accuracy(sum, probes);
  const Extent extent = extent_of(n_rows, sum.dim, center, normalize);
  return from_columns(std::move(sum), n_rows, extent, accuracy, center);
}

SingularValues singular_values(const QrAccumulator& accumulator, bool center,
                               std::int64_t* n_rows) {
  QrFactor factor = accumulator.total(n_rows);
  require_rows(*n_rows);
  const Extent extent = extent_of(*n_rows, accumulator.dim(), center, accumulator.normalize());
  const double error = factor.error();
  return from_factor(std::move(factor), extent, error, center);
}

SingularValues singular_values(const MatrixView& z, bool center, bool normalize, Method method) {
  if (z.rows < 1 || z.cols < 1) throw std::invalid_argument("the spectrum of an empty matrix");
  return method == Method::qr ? by_qr(z, center, normalize) : by_gram(z, center, normalize);
}

}  // namespace rankme
