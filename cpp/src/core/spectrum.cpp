#include "rankme/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "nearly_dead.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/block.hpp"
#include "rankme/eigen.hpp"
#include "rankme/ledger.hpp"
#include "rankme/measure.hpp"
#include "rankme/probe.hpp"
#include "rankme/widen.hpp"
#include "tails.hpp"
#include "wide_gram.hpp"

namespace rankme {

namespace {

// ---- from a factor to singular values ----------------------------------------------------------

// Beyond this many times the trace of the scatter, what the mean adds to the Gram matrix would
// drown the rest in its rounding.
constexpr double dominating_mean = 4;

// The values of the rows as they are, from those of the rows less their mean: the mean is one more
// direction, along which they have moved together.
SingularValues with_mean(const Tridiagonal& t, double n, int exponent, const Extent& extent,
                         CentredAccuracy accuracy, double absolute, const SmallColumns& columns) {
  absolute += accuracy.mean + 3 * unit_roundoff * std::sqrt(n) * t.along;
  const auto added = [&] {
    Tridiagonal moved = t;
    moved.diagonal.front() += n * t.along * t.along;
    return from_eigenvalues(eigenvalues(std::move(moved)), exponent, extent, accuracy.scatter,
                            absolute, columns);
  };
  if (n * t.along * t.along <= dominating_mean * accuracy.scatter.trace) return added();
  double perturbation = 0;
  const std::vector<double> ascending = bordered_eigenvalues(t, n, &perturbation);
  // Where directions of the scatter are empty, columns of one value for example, rounding may leave
  // pivots so small that they have to be raised by more than the mean drowns.
  const double drowned = solver_error(static_cast<std::int64_t>(ascending.size()));
  if (perturbation > drowned * ascending.back()) return added();
  accuracy.scatter.delta += perturbation;
  // The solver's error relative to the scatter leaves out what is off by a factor: the length of
  // the mean, since S + n m m^T grows by no more than it does, and the steps of dqds.
  Extent widened = extent;
  widened.normalization += solver_error(static_cast<std::int64_t>(ascending.size()));
  return from_eigenvalues(ascending, exponent, widened, accuracy.scatter, absolute, {},
                          accuracy.scatter.frobenius);
}

SingularValues from_factor(QrFactor factor, const Extent& extent, double error, bool center) {
  return from_factor_values(singular_values(std::move(factor), center), extent, error);
}

// ---- one matrix --------------------------------------------------------------------------------

// Of a sum of the rows of z, or of any rows that are not at hand.
SingularValues from_centred(CentredSum sum, const CentredAccuracy& accuracy, bool center,
                            bool normalize, const MatrixView* z);

SingularValues by_gram(const MatrixView& z, bool center, bool normalize,
                       Precision precision = Precision::float64, double tolerance = 0,
                       std::int64_t* float_rows = nullptr) {
  if (z.rows < z.cols) return by_wide_gram(z, center, normalize);
  std::optional<GramAccumulator> accumulator(std::in_place, z.cols, normalize, 0, true, precision,
                                             tolerance);
  if (!accumulator->consume(z)) throw_first_nonfinite(z);
  const std::vector<double> probes = accumulator->probes();
  CentredSum sum = std::move(*accumulator).take();
  accumulator.reset();  // what its threads needed
  const CentredAccuracy accuracy = measure_accuracy(sum, probes);
  if (float_rows != nullptr) *float_rows = sum.float_rows;
  // A second look at the rows is for what float64 rounds.
  const MatrixView* const again = sum.float_rows > 0 ? nullptr : &z;
  return from_centred(std::move(sum), accuracy, center, normalize, again);
}

SingularValues by_qr(const MatrixView& z, bool center, bool normalize) {
  const Extent extent = extent_of(z.rows, z.cols, center, normalize);
  const bool wide = z.rows < z.cols;
  const std::vector<UnitScale> scales =
      wide && normalize ? row_scales(z) : std::vector<UnitScale>{};
  QrAccumulator accumulator(wide ? z.rows : z.cols, !wide && normalize,
                            wide ? Means::none : Means::kept);
  if (!accumulator.consume(wide ? z.transposed() : z, scales.empty() ? nullptr : scales.data(),
                           center)) {
    throw_first_nonfinite(z);
  }
  QrFactor factor = std::move(accumulator).take();
  // Relative to the rows as they came.
  const double error = factor.error(std::max(z.rows, z.cols));
  if (center && wide) factor.center_rows();
  return from_factor(std::move(factor), extent, error, center && !wide);
}

// What is to be known of the rows of a sum to look at their tail.
struct SolvedSum {
  CentredSum sum;  // with the triangles of the matrix that was solved
  std::vector<std::int64_t> live;
  std::vector<double> mean;  // of the live columns, zeros where they are centred
  CentredAccuracy accuracy;
  double absolute;
};

// Looks at the tail of the rows of z, which are those of the sum.
void improve(SingularValues& values, const Extent& extent, TwoTriangles& kept, SolvedSum solved,
             const MatrixView& z, bool center, bool normalize) {
  GramAccuracy accuracy = solved.accuracy.scatter;
  // What the mean adds is known to be there: only the scatter hides anything.
  const double scale = std::min(values.scaled.front() * values.scaled.front(), accuracy.trace);
  if (!has_tail(values, extent, scale)) return;
  CentredSum& sum = solved.sum;
  const double n = static_cast<double>(sum.rows);
  kept.restore(n, center ? nullptr : solved.mean.data());
  TailLines lines{.lines = z, .normalize = normalize, .exponent = sum.exponent};
  for (std::size_t j = 0; j < sum.offset.high.size(); ++j) sum.offset.high[j] += sum.offset.low[j];
  if (center) {
    lines.origin = sum.origin.data();
    lines.offset = sum.offset.high.data();
  }
  // The matrix is S + n m m^T, m = 0 where rows are centred.
  const double along = std::sqrt(n) * euclidean_norm(solved.mean);
  const double moved = solved.accuracy.mean;
  accuracy.trace += along * along;
  accuracy.delta += moved * (2 * along + moved) + 8 * unit_roundoff * accuracy.trace;
  improve_tail(values, extent, scale,
               {std::move(sum.scatter), std::move(solved.live), accuracy, solved.absolute + moved},
               lines);
}

// How many of the columns are all of one value, so that nothing of them is left when their mean is
// taken off. A column that has cancelled to nothing is no such one.
std::int64_t constant_columns(const CentredSum& sum, std::int64_t order) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < order && sum.cancelled == 0; ++i) {
    if (sum.scatter[static_cast<std::size_t>(i * (order + 1))] == 0) ++count;
  }
  return count;
}

// The sum of the first columns of its rows, as far as a spectrum needs it.
void keep_leading(CentredSum& sum, std::int64_t columns) {
  std::vector<std::int64_t> kept(static_cast<std::size_t>(columns));
  std::iota(kept.begin(), kept.end(), 0);
  keep_dimensions(sum.scatter, sum.dim, kept);
  const auto size = kept.size();
  sum.origin.resize(size);
  sum.offset.high.resize(size);
  sum.offset.low.resize(size);
  sum.dim = columns;
}

// What is known of a block of a matrix whose error is delta at most: that its own is no larger.
GramAccuracy leading_accuracy(const CentredSum& sum, double delta) {
  double trace = 0;
  double squares = 0;
  for (std::int64_t i = 0; i < sum.dim; ++i) {
    const double* row = sum.scatter.data() + i * sum.dim;
    for (std::int64_t j = 0; j < i; ++j) squares += 2 * row[j] * row[j];
    squares += row[i] * row[i];
    trace += row[i];
  }
  trace = std::max(trace, 0.0) + std::sqrt(static_cast<double>(sum.dim)) * delta;
  return {trace, std::sqrt(squares), delta};
}

SingularValues from_centred(CentredSum sum, const CentredAccuracy& accuracy, bool center,
                            bool normalize, const MatrixView* z) {
  Extent extent = extent_of(sum.rows, sum.dim, center, normalize);
  Extent other_extent = extent_of(sum.rows, sum.dim, !center, normalize);
  std::vector<double> mean(static_cast<std::size_t>(sum.dim));
  for (std::int64_t j = 0; j < sum.dim; ++j) mean[static_cast<std::size_t>(j)] = sum.mean(j);
  const std::vector<std::int64_t> live =
      live_dimensions(sum.scatter.data(), sum.dim + 1, mean.data(), sum.dim);
  keep_dimensions(sum.scatter, sum.dim, live);
  for (std::size_t i = 0; i < live.size(); ++i) mean[i] = mean[static_cast<std::size_t>(live[i])];
  mean.resize(live.size());
  const double absolute = block_centring_error(accuracy.scatter, sum.longest_block);
  if (live.empty()) return from_eigenvalues({}, sum.exponent, extent, accuracy.scatter, absolute);
  const auto order = static_cast<std::int64_t>(live.size());
  // A block's mean is a chain of its rows, as far from its first row as that is from the others,
  // and what it is off by is missing in every column's square.
  const double depth = addition_depth(sum.blocks, sum.longest_block) +
                       mean_depth(sum.longest_block) + (sum.float_rows > 0 ? float_depth() : 0);
  const double weight = center ? 0 : static_cast<double>(sum.rows);
  Extent& centred_extent = center ? extent : other_extent;
  centred_extent.rank = std::min(centred_extent.rank, order - constant_columns(sum, order));
  // Of a sum that has cancelled, an entry may be off by more than a part of itself.
  const double lost = sum.unseen + 2 * (depth + 8) * unit_roundoff * sum.cancelled;
  std::vector<double> squares;
  for (std::int64_t i = 0; i < order; ++i) {
    const double along = mean[static_cast<std::size_t>(i)];
    const double entry = std::max(0.0, sum.scatter[static_cast<std::size_t>(i * (order + 1))]);
    squares.push_back(largest_square(entry + weight * along * along + lost, depth));
  }
  const SmallColumns columns =
      small_columns({sum.scatter.data(), order, mean, weight}, squares, depth, accuracy.scatter);
  std::optional<TwoTriangles> kept;
  if (z != nullptr) kept.emplace(sum.scatter.data(), order);
  const auto answer = [t = tridiagonal(sum.scatter.data(), order, mean), rows = sum.rows,
                       exponent = sum.exponent, accuracy,
                       absolute](bool centred, const Extent& of, const SmallColumns& with) {
    if (!centred) {
      return with_mean(t, static_cast<double>(rows), exponent, of, accuracy, absolute, with);
    }
    return from_eigenvalues(eigenvalues(t), exponent, of, accuracy.scatter, absolute, with);
  };
  SingularValues values = answer(center, extent, columns);
  values.other = [=] { return answer(!center, other_extent, {}); };
  if (center) std::fill(mean.begin(), mean.end(), 0.0);
  if (z != nullptr) {
    improve(values, extent, *kept, {std::move(sum), live, mean, accuracy, absolute}, *z, center,
            normalize);
  }
  return values;
}

}  // namespace

SingularValues singular_values(const GramAccumulator& accumulator, bool center,
                               std::int64_t* n_rows) {
  CentredSum sum = accumulator.total(n_rows);
  return singular_values(std::move(sum), accumulator.probes(), center, accumulator.normalize());
}

SingularValues singular_values(CentredSum sum, const std::vector<double>& probes, bool center,
                               bool normalize) {
  require_rows(sum.rows);
  const CentredAccuracy accuracy = measure_accuracy(sum, probes);
  return from_centred(std::move(sum), accuracy, center, normalize, nullptr);
}

SingularValues leading_singular_values(CentredSum sum, const std::vector<double>& probes,
                                       std::int64_t columns, bool center) {
  require_rows(sum.rows);
  CentredAccuracy accuracy = measure_accuracy(sum, probes);
  keep_leading(sum, columns);
  accuracy.scatter = leading_accuracy(sum, accuracy.scatter.delta);
  return from_centred(std::move(sum), accuracy, center, false, nullptr);
}

SingularValues singular_values(const QrAccumulator& accumulator, bool center,
                               std::int64_t* n_rows) {
  QrFactor factor = accumulator.total(n_rows);
  require_rows(*n_rows);
  const Extent extent = extent_of(*n_rows, accumulator.dim(), center, accumulator.normalize());
  if (!center) factor.move_origin(std::vector<double>(factor.origin.size()));
  const double error = factor.error(*n_rows);
  return from_factor(std::move(factor), extent, error, center);
}

SingularValues fast_singular_values(const MatrixView& z, bool center, bool normalize,
                                    double tolerance, std::int64_t* float_rows) {
  if (z.rows < 1 || z.cols < 1) throw std::invalid_argument("the spectrum of an empty matrix");
  *float_rows = 0;
  return by_gram(z, center, normalize, Precision::fast, tolerance, float_rows);
}

SingularValues singular_values(const MatrixView& z, bool center, bool normalize, Method method) {
  if (z.rows < 1 || z.cols < 1) throw std::invalid_argument("the spectrum of an empty matrix");
  return method == Method::qr ? by_qr(z, center, normalize) : by_gram(z, center, normalize);
}

}  // namespace rankme
