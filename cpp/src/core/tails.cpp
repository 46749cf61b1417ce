#include "tails.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "blas.hpp"
#include "helpers.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/budget.hpp"
#include "rankme/eigen.hpp"
#include "rankme/memory.hpp"
#include "rankme/packed_rows.hpp"
#include "rankme/threads.hpp"
#include "second_gram.hpp"
#include "tail_ends.hpp"

namespace rankme {

namespace {

// Writes what is below the diagonal above it, or back.
void copy_triangle(double* matrix, std::int64_t order, bool up) {
  constexpr std::int64_t tile = 32;
  for (std::int64_t first = 0; first < order; first += tile) {
    for (std::int64_t left = 0; left <= first; left += tile) {
      for (std::int64_t i = first; i < std::min(order, first + tile); ++i) {
        for (std::int64_t j = left; j < std::min(i, left + tile); ++j) {
          double& below = matrix[i * order + j];
          double& above = matrix[j * order + i];
          (up ? above : below) = up ? below : above;
        }
      }
    }
  }
}

// ||G V - V D||_F with the whole G, a few columns at a time, which threads share out.
double residual(const std::vector<double>& gram, Basis& basis, const std::vector<double>& values) {
  constexpr std::int64_t together = 64;
  const int order = static_cast<int>(basis.length);
  const std::int64_t pieces = (basis.count + together - 1) / together;
  std::vector<double> norms(static_cast<std::size_t>(pieces));
  const double one = 1;
  const double nothing = 0;
  const auto workers = static_cast<int>(std::min<std::int64_t>(num_threads(), pieces));
  parallel_ranges(pieces, workers, [&](int, std::int64_t begin, std::int64_t end) {
    std::vector<double> product(static_cast<std::size_t>(basis.length * together));
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const std::int64_t first = piece * together;
      const std::int64_t count = std::min(together, basis.count - first);
      const int columns = static_cast<int>(count);
      {
        const BlasCall call;
        RANKME_BLAS(dsymm_)("L", "U", &order, &columns, &one, gram.data(), &order, basis.at(first),
                            &order, &nothing, product.data(), &order);
      }
      for (std::int64_t j = 0; j < count; ++j) {
        double* column = product.data() + j * basis.length;
        const double value = values[static_cast<std::size_t>(first + j)];
        for (std::int64_t i = 0; i < basis.length; ++i) column[i] -= value * basis.at(first + j)[i];
      }
      norms[static_cast<std::size_t>(piece)] =
          euclidean_norm({product.data(), static_cast<std::size_t>(order * columns)});
    }
  });
  return euclidean_norm(norms);
}

// Of long columns, so many rows at a time.
constexpr std::int64_t rows_to_pack = 192;

// ||V^T V - I||_F, and `room` (count, count) for it.
double skewness(Basis& basis, std::vector<double>& room) {
  const double work = static_cast<double>(basis.length) *
                      static_cast<double>(basis.count * basis.count) / least_work;
  Teams teams(1, static_cast<int>(std::min<double>(num_threads(), work)));
  PackedRows packed;
  packed.reserve(std::min(basis.length, rows_to_pack), basis.count);
  packed.add_gram_of({basis.entries.data(), basis.length, basis.count, Layout::column_major}, room,
                     teams.of(0));
  double squares = 0;
  for (std::int64_t i = 0; i < basis.count; ++i) {
    double* row = room.data() + i * basis.count;
    row[i] -= 1;
    for (std::int64_t j = 0; j < i; ++j) squares += 2 * row[j] * row[j];
    squares += row[i] * row[i];
  }
  const double n = static_cast<double>(basis.length);
  return std::sqrt(squares) + n * unit_roundoff * static_cast<double>(basis.count);
}

// The basis for all columns, those that are dead among them, on the scale 2^-exponent.
Basis spread(Basis basis, const std::vector<std::int64_t>& live, std::int64_t cols, int exponent,
             bool of_lines) {
  const double factor = std::ldexp(1.0, -exponent);
  for (double& x : basis.entries) x *= factor;
  if (!of_lines || static_cast<std::int64_t>(live.size()) == cols) return basis;
  Basis all{cols, basis.count, zeros(basis.count, cols, "eigenvectors")};
  for (std::int64_t j = 0; j < basis.count; ++j) {
    for (std::size_t i = 0; i < live.size(); ++i) {
      all.at(j)[live[i]] = basis.at(j)[static_cast<std::int64_t>(i)];
    }
  }
  return all;
}

double frobenius_norm(const std::vector<double>& lower, std::int64_t order) {
  std::vector<double> norms;
  for (std::int64_t i = 0; i < order; ++i) {
    const auto row = static_cast<std::size_t>(i * order);
    const double norm = euclidean_norm({lower.data() + row, static_cast<std::size_t>(i + 1)});
    norms.push_back(norm * std::sqrt(2.0));
  }
  return euclidean_norm(norms);
}

// Enough for a gap between the tail and the rest that the bounds can use.
constexpr double wide_gap = 4;
// Each reaches four decades or more.
constexpr int most_levels = 4;

// The Gram matrix of A or of one of the products W, which takes A's place.
struct KnownGram {
  std::vector<double> matrix;
  double trace;
  double delta;  // bounds what it is off by
};

class Improvement {
public:
  Improvement(const TailLines& source, std::vector<std::int64_t> live)
      : source_(source), live_(std::move(live)) {}

  // beside: with the errors that every value has beside those that are found here.
  void improve(const Ends& values, std::int64_t rank, double scale, KnownGram gram,
               TailErrors beside) {
    const std::optional<std::int64_t> begin = tail_begin(values, rank, scale, wide_gap);
    if (!begin) return;
    TailErrors errors = beside;
    find_basis(values, *begin, std::move(gram), errors);
    const std::int64_t count = bases_.back().count;
    SecondGram second = second_gram(source_, bases_, std::move(room_));
    if (bases_.size() == 1) {
      // Of a mean over so many entries, two subtractions, and what they were done to.
      const double width = static_cast<double>(source_.lines.cols);
      const double off = 1.01 * (width + 8) * unit_roundoff * std::sqrt(second.squares);
      errors.absolute += off;
      errors.coupling += 2 * off * (values.high[0] + off);
    }
    SingularValues tail = solve(second, count);
    const Ends ends = ends_of(tail);
    const double largest = tail.scaled[0] * tail.scaled[0];
    // Below what the products are off by there is nothing to be found.
    const double noise = std::ldexp(errors.products, -exponent_);
    if (std::sqrt(least_resolved * largest) > noise && bases_.size() < most_levels) {
      const int exponent = exponent_;
      improve(ends, count, largest, std::move(found_), {});
      exponent_ = exponent;
    }
    for (std::vector<double>* end : {&tail.scaled, &tail.low, &tail.high}) {
      for (double& x : *end) x = std::ldexp(x, exponent_);
    }
    cut_with_tail(ends, *begin, errors, values);
  }

private:
  void find_basis(const Ends& values, std::int64_t begin, KnownGram gram, TailErrors& errors) {
    const std::int64_t order =
        bases_.empty() ? static_cast<std::int64_t>(live_.size()) : bases_.back().count;
    const std::int64_t count = order - begin;
    const double n = static_cast<double>(order);
    const double root = std::sqrt(static_cast<double>(count));
    const double norm = frobenius_norm(gram.matrix, order);
    TwoTriangles kept(gram.matrix.data(), order);
    std::vector<double> eigenvalues;
    Basis basis{order, count,
                smallest_eigenvectors(gram.matrix.data(), order, count, &eigenvalues)};
    kept.restore();
    const double rest = residual(gram.matrix, basis, eigenvalues);
    std::vector<double>().swap(gram.matrix);
    room_ = zeros(count, count, "the tail's Gram matrix");
    errors.skewness = skewness(basis, room_);
    errors.above = values.low[begin - 1];
    const double largest = values.high[0];
    const double stretch = 1 + errors.skewness;
    errors.products = 1.01 * n * unit_roundoff * std::sqrt(gram.trace) * root * stretch;
    const double off = errors.absolute + errors.relative * largest;
    errors.coupling = stretch * (rest + (n + 4) * unit_roundoff * norm * root + gram.delta +
                                 2 * off * largest + off * off + largest * errors.products);
    // On a scale on which sigma_1 is about 1, since squares of the tail's last digits may vanish.
    exponent_ = std::ilogb(largest);
    const bool first = bases_.empty();
    bases_.push_back(
        spread(std::move(basis), live_, first ? source_.lines.cols : order, exponent_, first));
  }

  // The singular values of W on the scale of its basis. Its Gram matrix is kept where it has a
  // tail.
  SingularValues solve(SecondGram& second, std::int64_t count) {
    found_.trace = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      found_.trace += second.matrix[static_cast<std::size_t>(i * (count + 1))];
    }
    found_.delta = 1.01 * second.depth * unit_roundoff * found_.trace;
    TwoTriangles kept(second.matrix.data(), count);
    const std::vector<double> ascending = symmetric_eigenvalues(second.matrix.data(), count);
    const std::vector<double> descending(ascending.rbegin(), ascending.rend());
    kept.restore();
    found_.matrix = std::move(second.matrix);
    const double top = std::max(std::abs(descending.front()), std::abs(descending.back()));
    const std::vector<double> none(static_cast<std::size_t>(count));
    SingularValues values{none, none, none, 0, {}};
    set_ends(descending.data(), count, found_.delta + solver_error(count) * top, ends_of(values));
    inflate_ends(ends_of(values), 2 * unit_roundoff, 0);
    return values;
  }

  const TailLines& source_;
  std::vector<std::int64_t> live_;
  std::vector<Basis> bases_;
  int exponent_ = 0;  // of the last of them
  std::vector<double> room_;
  KnownGram found_{};  // of the last W
};

}  // namespace

TwoTriangles::TwoTriangles(double* matrix, std::int64_t order)
    : matrix_(matrix), order_(order), diagonal_(static_cast<std::size_t>(order)) {
  copy_triangle(matrix, order, true);
  for (std::int64_t i = 0; i < order; ++i) {
    diagonal_[static_cast<std::size_t>(i)] = matrix[i * (order + 1)];
  }
}

void TwoTriangles::restore(double weight, const double* vector) {
  copy_triangle(matrix_, order_, false);
  for (std::int64_t i = 0; i < order_; ++i) {
    matrix_[i * (order_ + 1)] = diagonal_[static_cast<std::size_t>(i)];
    if (vector == nullptr) continue;
    for (std::int64_t j = 0; j <= i; ++j) {
      matrix_[i * order_ + j] += weight * vector[i] * vector[j];
    }
  }
}

bool has_tail(SingularValues& values, const Extent& extent, double scale) {
  return tail_begin(ends_of(values), extent.rank, scale, wide_gap).has_value();
}

void improve_tail(SingularValues& values, const Extent& extent, double scale, TailGram found,
                  const TailLines& source) {
  const std::optional<std::int64_t> begin =
      tail_begin(ends_of(values), extent.rank, scale, wide_gap);
  if (!begin) return;
  // Values from elsewhere are not in the solver's ball (wielandt.hpp).
  values.uncertainty.solved = std::min(values.uncertainty.solved, *begin);
  TailErrors beside;
  beside.relative = extent.normalization;
  beside.absolute = extent.rounding + found.absolute;
  Improvement(source, std::move(found.live))
      .improve(ends_of(values), extent.rank, scale,
               {std::move(found.gram), found.accuracy.trace, found.accuracy.delta}, beside);
}

}  // namespace rankme
