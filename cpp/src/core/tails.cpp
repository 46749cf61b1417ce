#include "tails.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <utility>

#include "blas.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/eigen.hpp"
#include "rankme/error.hpp"
#include "rankme/memory.hpp"
#include "rankme/row_adder.hpp"
#include "rankme/threads.hpp"
#include "rankme/widen.hpp"
#include "tail_ends.hpp"

namespace rankme {

namespace {

// Column vectors of one length, one behind the other, about orthonormal.
struct Basis {
  std::int64_t length;
  std::int64_t count;
  std::vector<double> entries;

  double* at(std::int64_t j) { return entries.data() + j * length; }
};

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

// ||G V - V D||_F with the whole G, a few columns at a time.
double residual(const std::vector<double>& gram, Basis& basis, const std::vector<double>& values) {
  constexpr std::int64_t together = 64;
  const int order = static_cast<int>(basis.length);
  std::vector<double> product(static_cast<std::size_t>(basis.length * together));
  std::vector<double> norms;
  const double one = 1;
  const double nothing = 0;
  for (std::int64_t first = 0; first < basis.count; first += together) {
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
    norms.push_back(euclidean_norm({product.data(), static_cast<std::size_t>(order * columns)}));
  }
  return euclidean_norm(norms);
}

void add_products(const double* lines, std::int64_t rows, std::int64_t count,
                  std::vector<double>& sum) {
  const int n = static_cast<int>(count);
  const int k = static_cast<int>(rows);
  const double one = 1;
  const BlasCall call;
  RANKME_BLAS(dsyrk_)("U", "T", &n, &k, &one, lines, &k, &one, sum.data(), &n);
}

// ||V^T V - I||_F, and `room` (count, count) for it.
double skewness(const Basis& basis, std::vector<double>& room) {
  add_products(basis.entries.data(), basis.length, basis.count, room);
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

// What one thread reads lines into.
class LineReader {
public:
  LineReader(const TailLines& source, std::int64_t most_lines)
      : source_(source),
        entries_(zeros(most_lines, source.lines.cols, "a row block")),
        means_(static_cast<std::size_t>(most_lines)) {}

  Block read(std::int64_t begin, std::int64_t end) {
    const MatrixView lines = source_.lines.row_range(begin, end);
    const Block block{entries_.data(), lines.rows, lines.cols, natural_layout(lines)};
    // They were finite when they entered the first matrix.
    if (!widen(lines, block.layout, block.data).finite) throw TornError();
    if (source_.normalize) normalize_rows(block);
    if (source_.column_scales != nullptr) scale_columns(block, source_.column_scales);
    if (source_.exponent != 0) scale_all(block, std::ldexp(1.0, -source_.exponent));
    if (source_.origin != nullptr) {
      subtract_row(block, source_.origin);
      add_squares(block);
      subtract_row(block, source_.offset);
    }
    if (source_.less_first_and_mean) {
      subtract_first_column(block);
      add_squares(block);
      subtract_means(block);
    }
    return block;
  }
  // ||A||_F^2 before the last subtraction, if there was one.
  double squares() const { return squares_; }

private:
  void add_squares(const Block& block) {
    for (std::int64_t i = 0; i < block.rows * block.cols; ++i) {
      squares_ += block.data[i] * block.data[i];
    }
  }
  void subtract_means(const Block& block) {
    const bool by_lines = block.layout == Layout::row_major;
    const std::int64_t across = by_lines ? 1 : block.rows;
    const std::int64_t along = by_lines ? block.cols : 1;
    for (std::int64_t i = 0; i < block.rows; ++i) {
      double* line = block.data + i * along;
      double mean = 0;
      for (std::int64_t j = 0; j < block.cols; ++j) mean += line[j * across];
      mean /= static_cast<double>(block.cols);
      for (std::int64_t j = 0; j < block.cols; ++j) line[j * across] -= mean;
    }
  }

  const TailLines& source_;
  std::vector<double> entries_;
  std::vector<double> means_;
  double squares_ = 0;
};

// W^T W for W = A V, over threads.
struct SecondGram {
  std::vector<double> matrix;  // (count, count)
  double depth;                // of its sums
  double squares;              // as LineReader's
};

SecondGram second_gram(const TailLines& source, const Basis& basis, std::vector<double> room) {
  const MatrixView& lines = source.lines;
  const SumPlan plan = plan_sums(lines.cols, lines.rows);
  const auto workers = static_cast<std::size_t>(plan.workers);
  std::fill(room.begin(), room.end(), 0.0);
  std::vector<std::vector<double>> sums(workers);
  sums.front() = std::move(room);
  for (std::size_t i = 1; i < workers; ++i) {
    sums[i] = zeros(basis.count, basis.count, "the tail's Gram matrix");
  }
  std::vector<LineReader> readers;
  for (std::size_t i = 0; i < workers; ++i) readers.emplace_back(source, plan.block_rows);
  std::optional<SingleThreadedBlas> single;
  if (!plan.blas_threads) single.emplace();
  parallel_ranges(lines.rows, plan.workers, [&](int worker, std::int64_t begin, std::int64_t end) {
    const auto own = static_cast<std::size_t>(worker);
    std::vector<double> product(static_cast<std::size_t>(plan.block_rows * basis.count));
    for (std::int64_t row = begin; row < end; row += plan.block_rows) {
      const Block block = readers[own].read(row, std::min(end, row + plan.block_rows));
      const int m = static_cast<int>(block.rows);
      const int k = static_cast<int>(block.cols);
      const int n = static_cast<int>(basis.count);
      const double one = 1;
      const double nothing = 0;
      const bool by_lines = block.layout == Layout::row_major;
      {
        const BlasCall call;
        RANKME_BLAS(dgemm_)(by_lines ? "T" : "N", "N", &m, &n, &k, &one, block.data,
                            by_lines ? &k : &m, basis.entries.data(), &k, &nothing, product.data(),
                            &m);
      }
      add_products(product.data(), block.rows, basis.count, sums[own]);
    }
  });
  SecondGram second{std::move(sums.front()), 0, readers.front().squares()};
  for (std::size_t i = 1; i < workers; ++i) {
    second.squares += readers[i].squares();
    for (std::size_t j = 0; j < second.matrix.size(); ++j) second.matrix[j] += sums[i][j];
  }
  const std::int64_t blocks = (lines.rows + plan.block_rows - 1) / plan.block_rows;
  second.depth = addition_depth(blocks + plan.workers, plan.block_rows);
  return second;
}

// The basis for all columns, those that are dead among them, on the scale 2^-exponent.
Basis spread(Basis basis, const std::vector<std::int64_t>& live, std::int64_t cols, int exponent) {
  const double factor = std::ldexp(1.0, -exponent);
  for (double& x : basis.entries) x *= factor;
  if (static_cast<std::int64_t>(live.size()) == cols) return basis;
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
  return tail_begin(ends_of(values), extent.rank, scale).has_value();
}

void improve_tail(SingularValues& values, const Extent& extent, double scale, TailGram found,
                  const TailLines& source) {
  const std::optional<std::int64_t> begin = tail_begin(ends_of(values), extent.rank, scale);
  if (!begin) return;
  const auto order = static_cast<std::int64_t>(found.live.size());
  const std::int64_t count = order - *begin;
  const double n = static_cast<double>(order);
  const double root = std::sqrt(static_cast<double>(count));
  const double norm = frobenius_norm(found.gram, order);

  TwoTriangles kept(found.gram.data(), order);
  std::vector<double> eigenvalues;
  Basis basis{order, count,
              smallest_eigenvectors(found.gram.data(), order, count, &eigenvalues)};
  kept.restore();
  const double rest = residual(found.gram, basis, eigenvalues);
  std::vector<double>().swap(found.gram);
  std::vector<double> room = zeros(count, count, "the tail's Gram matrix");

  TailErrors errors;
  errors.skewness = skewness(basis, room);
  errors.above = values.low[static_cast<std::size_t>(*begin - 1)];
  // On a scale on which sigma_1 is about 1, since squares of the tail's last digits may vanish.
  const double largest = values.high.front();
  const int exponent = std::ilogb(largest);
  basis = spread(std::move(basis), found.live, source.lines.cols, exponent);
  SecondGram second = second_gram(source, basis, std::move(room));

  double trace = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    trace += second.matrix[static_cast<std::size_t>(i * (count + 1))];
  }
  std::vector<double> descending = symmetric_eigenvalues(second.matrix.data(), count);
  std::reverse(descending.begin(), descending.end());
  for (double& x : descending) x = std::ldexp(x, 2 * exponent);
  const double top = std::max(std::abs(descending.front()), std::abs(descending.back()));
  errors.gram = 1.01 * second.depth * unit_roundoff * std::ldexp(trace, 2 * exponent) +
                solver_error(count) * top;
  const double stretch = 1 + errors.skewness;
  errors.products = 1.01 * n * unit_roundoff * std::sqrt(found.accuracy.trace) * root * stretch;
  // Of a mean over so many entries, two subtractions, and what they were done to.
  const double centring = 1.01 * (n + 8) * unit_roundoff * std::sqrt(second.squares);
  errors.relative = extent.normalization;
  errors.absolute = extent.rounding + found.absolute + centring;
  const double off = errors.absolute + errors.relative * largest;
  errors.coupling = stretch * (rest + (n + 4) * unit_roundoff * norm * root +
                               found.accuracy.delta + 2 * off * largest + off * off +
                               largest * errors.products);
  cut_with_tail(descending, *begin, errors, ends_of(values));
}

}  // namespace rankme
