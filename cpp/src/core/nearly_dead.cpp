#include "nearly_dead.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "products.hpp"
#include "rankme/eigen.hpp"

namespace rankme {

namespace {

// Enough beside columns whose condition number is some thousands. What is left is in the bounds.
constexpr int most_steps = 48;

// The columns T that are small, and those beside which they are (B). What is smaller by far than
// the others in T takes no part.
struct Partition {
  std::vector<char> beside;
  std::vector<std::int64_t> small;
};

Partition partition_of(const std::vector<double>& squares, double threshold,
                       SmallColumns& columns) {
  Partition partition{std::vector<char>(squares.size()), {}};
  for (std::size_t i = 0; i < squares.size(); ++i) {
    if (squares[i] > threshold) {
      partition.beside[i] = 1;
      ++columns.beside;
      continue;
    }
    columns.not_beside += squares[i];
    if (squares[i] > 0x1p-40 * threshold) {
      partition.small.push_back(static_cast<std::int64_t>(i));
    } else {
      columns.left_out += squares[i];
    }
  }
  return partition;
}

// Some vectors of one length, side by side: (length, count) row-major.
struct Vectors {
  std::size_t count;
  std::vector<double> entries;

  double& at(std::size_t i, std::size_t j) { return entries[i * count + j]; }
  double at(std::size_t i, std::size_t j) const { return entries[i * count + j]; }
  std::size_t length() const { return entries.size() / count; }
};

double entry(const BorderedMatrix& gram, std::int64_t i, std::int64_t j) {
  const double own = gram.lower[std::max(i, j) * gram.dim + std::min(i, j)];
  if (gram.weight == 0) return own;
  return own + gram.weight * gram.vector[static_cast<std::size_t>(i)] *
                   gram.vector[static_cast<std::size_t>(j)];
}

Vectors operator*(const BorderedMatrix& gram, const Vectors& x) {
  Vectors product{x.count, multiply_symmetric(gram.lower, gram.dim, x.entries,
                                              static_cast<std::int64_t>(x.count))};
  for (std::size_t j = 0; j < x.count && gram.weight != 0; ++j) {
    double along = 0;
    for (std::size_t i = 0; i < x.length(); ++i) along += gram.vector[i] * x.at(i, j);
    for (std::size_t i = 0; i < x.length(); ++i) {
      product.at(i, j) += gram.weight * along * gram.vector[i];
    }
  }
  return product;
}

double dot(const Vectors& x, const Vectors& y, std::size_t j) {
  double sum = 0;
  for (std::size_t i = 0; i < x.length(); ++i) sum += x.at(i, j) * y.at(i, j);
  return sum;
}

// About G_BB^-1 G_BT, by conjugate gradients: any other matrix would give valid bounds too.
Vectors coefficients(const BorderedMatrix& gram, const Partition& partition) {
  const std::size_t order = partition.beside.size();
  const std::size_t count = partition.small.size();
  Vectors c{count, std::vector<double>(order * count)};
  Vectors residual = c;
  for (std::size_t i = 0; i < order; ++i) {
    for (std::size_t j = 0; j < count && partition.beside[i] != 0; ++j) {
      residual.at(i, j) = entry(gram, static_cast<std::int64_t>(i), partition.small[j]);
    }
  }
  Vectors direction = residual;
  std::vector<double> squares(count);
  for (std::size_t j = 0; j < count; ++j) squares[j] = dot(residual, residual, j);
  const std::vector<double> first = squares;
  for (int step = 0; step < most_steps; ++step) {
    const Vectors image = gram * direction;
    bool done = true;
    for (std::size_t j = 0; j < count; ++j) {
      const double curvature = dot(direction, image, j);
      if (!(curvature > 0) || squares[j] <= 1e-12 * first[j]) continue;
      done = false;
      const double length = squares[j] / curvature;
      for (std::size_t i = 0; i < order; ++i) {
        if (partition.beside[i] == 0) continue;
        c.at(i, j) += length * direction.at(i, j);
        residual.at(i, j) -= length * image.at(i, j);
      }
      const double before = std::exchange(squares[j], dot(residual, residual, j));
      for (std::size_t i = 0; i < order; ++i) {
        direction.at(i, j) = residual.at(i, j) + squares[j] / before * direction.at(i, j);
      }
    }
    if (done) break;
  }
  return c;
}

// With X = [-C; I] on the columns of B and T: the eigenvalues of X^T G X, the norm of the rest R =
// G_BT - G_BB C, and what rounding may have done to both. |G_ij| <= |z_i| |z_j|, and the computed
// entry is off by no more than a part of that.
void measure(const BorderedMatrix& gram, const Partition& partition,
             const std::vector<double>& norms_squared, double relative, Vectors x,
             SmallColumns& columns) {
  const std::size_t count = x.count;
  double all_squares = 0;
  std::vector<double> weights(count);
  for (std::size_t i = 0; i < x.length(); ++i) {
    all_squares += norms_squared[i];
    for (std::size_t j = 0; j < count; ++j) {
      columns.coupling += x.at(i, j) * x.at(i, j);
      x.at(i, j) = -x.at(i, j);
    }
  }
  columns.coupling = std::sqrt(columns.coupling);
  for (std::size_t j = 0; j < count; ++j) {
    x.at(static_cast<std::size_t>(partition.small[j]), j) = 1;
    for (std::size_t i = 0; i < x.length(); ++i) {
      weights[j] += std::abs(x.at(i, j)) * std::sqrt(norms_squared[i]);
    }
  }
  const Vectors image = gram * x;
  std::vector<double> schur(count * count);
  for (std::size_t i = 0; i < x.length(); ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      if (partition.beside[i] != 0) columns.rest += image.at(i, j) * image.at(i, j);
      for (std::size_t k = 0; k <= j; ++k) schur[j * count + k] += x.at(i, j) * image.at(i, k);
    }
  }
  const double all_weights = euclidean_norm(weights);
  columns.rest = std::sqrt(columns.rest) + relative * std::sqrt(all_squares) * all_weights;
  const std::vector<double> ascending =
      symmetric_eigenvalues(schur.data(), static_cast<std::int64_t>(count));
  columns.schur.assign(ascending.rbegin(), ascending.rend());
  columns.schur_error = relative * all_weights * all_weights +
                        solver_error(static_cast<std::int64_t>(count)) * euclidean_norm(ascending);
}

}  // namespace

SmallColumns small_columns(const BorderedMatrix& gram, const std::vector<double>& squares,
                           double depth, const GramAccuracy& accuracy) {
  const std::int64_t dim = gram.dim;
  SmallColumns columns;
  columns.squares = squares;
  std::sort(columns.squares.begin(), columns.squares.end());
  const double threshold = accuracy.delta + solver_error(dim) * accuracy.trace;
  const Partition partition = partition_of(squares, threshold, columns);
  // A tenth of the solver's work at most, and nothing where no column is small.
  const auto most = static_cast<std::size_t>(1 + dim / 256);
  if (columns.beside == 0 || partition.small.empty() || partition.small.size() > most) {
    columns.beside = 0;
    return columns;
  }
  // Of sums of products, the column sums that centring squares, and the products here.
  const double relative = (4 * depth + 4 * static_cast<double>(dim) + 64) * unit_roundoff;
  measure(gram, partition, squares, relative, coefficients(gram, partition), columns);
  return columns;
}

}  // namespace rankme
