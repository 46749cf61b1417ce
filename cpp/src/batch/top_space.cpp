#include "top_space.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "multiversion.hpp"
#include "rankme/accuracy.hpp"

namespace rankme {

namespace {

constexpr int most_products = 6;

RANKME_MULTIVERSION double dot(const double* x, const double* y, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

RANKME_MULTIVERSION void subtract_multiple(double* x, const double* y, double factor,
                                           std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] -= factor * y[i];
}

// to += factors[0] from[0] + .. + factors[3] from[3]
RANKME_MULTIVERSION void add_four(double* __restrict to, const double* const* from,
                                  const double* factors, std::int64_t n) {
  const double* a = from[0];
  const double* b = from[1];
  const double* c = from[2];
  const double* d = from[3];
  for (std::int64_t k = 0; k < n; ++k) {
    to[k] += (factors[0] * a[k] + factors[1] * b[k]) + (factors[2] * c[k] + factors[3] * d[k]);
  }
}

// to += sum_i factor(i) line(i), four at a time.
template <class Line, class Factor>
void add_all(double* to, std::int64_t count, std::int64_t length, const Line& line,
             const Factor& factor) {
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const double* lines[4] = {line(i), line(i + 1), line(i + 2), line(i + 3)};
    const double factors[4] = {factor(i), factor(i + 1), factor(i + 2), factor(i + 3)};
    add_four(to, lines, factors, length);
  }
  for (; i < count; ++i) subtract_multiple(to, line(i), -factor(i), length);
}

}  // namespace

void TopSpace::remove_from(double* panel, std::int64_t length,
                           const std::vector<std::int64_t>& lines) {
  along_.assign(static_cast<std::size_t>(count_ * length), 0.0);
  const auto line = [&](std::int64_t i) {
    return panel + lines[static_cast<std::size_t>(i)] * length;
  };
  for (std::int64_t m = 0; m < count_; ++m) {
    add_all(along_.data() + m * length, order_, length, line,
            [&](std::int64_t i) { return vector(m)[i]; });
  }
  for (std::int64_t i = 0; i < order_; ++i) {
    add_all(
        line(i), count_, length, [&](std::int64_t m) { return along_.data() + m * length; },
        [&](std::int64_t m) { return -vector(m)[i]; });
  }
}

void TopSpace::find(const double* packed, std::int64_t order, std::int64_t count, double enough) {
  order_ = order;
  count_ = count;
  matrix_.resize(static_cast<std::size_t>(order * order));
  vectors_.resize(static_cast<std::size_t>(order * count));
  products_.resize(static_cast<std::size_t>(order * count));
  unpack(packed);
  start();
  double before = 0;
  for (int step = 0; step < most_products; ++step) {
    make_orthonormal();
    multiply();
    measure_residual();
    if (residual_ <= enough || (step > 0 && residual_ > 0.5 * before)) break;
    before = residual_;
    if (step + 1 < most_products) std::swap(vectors_, products_);
  }
  measure_skewness();
}

void TopSpace::unpack(const double* packed) {
  for (std::int64_t i = 0; i < order_; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      matrix_[static_cast<std::size_t>(i * order_ + j)] = *packed;
      matrix_[static_cast<std::size_t>(j * order_ + i)] = *packed++;
    }
  }
}

// Columns of the factor of a Cholesky decomposition that takes the largest pivot each time.
void TopSpace::start() {
  diagonal_.resize(static_cast<std::size_t>(order_));
  for (std::int64_t i = 0; i < order_; ++i) {
    diagonal_[static_cast<std::size_t>(i)] = matrix_[static_cast<std::size_t>(i * (order_ + 1))];
  }
  for (std::int64_t m = 0; m < count_; ++m) {
    const auto pivot = std::max_element(diagonal_.begin(), diagonal_.end());
    const std::int64_t p = pivot - diagonal_.begin();
    const double root = *pivot > 0 ? 1 / std::sqrt(*pivot) : 0;
    double* column = vector(m);
    std::copy_n(matrix_.data() + p * order_, order_, column);
    for (std::int64_t l = 0; l < m; ++l) {
      subtract_multiple(column, vector(l), vector(l)[p], order_);
    }
    for (std::int64_t i = 0; i < order_; ++i) {
      column[i] *= root;
      diagonal_[static_cast<std::size_t>(i)] -= column[i] * column[i];
    }
    *pivot = 0;
  }
}

// Gram and Schmidt, twice.
void TopSpace::make_orthonormal() {
  for (std::int64_t m = 0; m < count_; ++m) {
    double* v = vector(m);
    for (int round = 0; round < 2; ++round) {
      for (std::int64_t l = 0; l < m; ++l) {
        subtract_multiple(v, vector(l), dot(v, vector(l), order_), order_);
      }
      const double norm = std::sqrt(dot(v, v, order_));
      if (!(norm > 0)) break;  // its skewness tells
      for (std::int64_t i = 0; i < order_; ++i) v[i] /= norm;
    }
  }
}

void TopSpace::multiply() {
  for (std::int64_t m = 0; m < count_; ++m) {
    double* product = products_.data() + m * order_;
    for (std::int64_t i = 0; i < order_; ++i) {
      product[i] = dot(matrix_.data() + i * order_, vector(m), order_);
    }
  }
}

void TopSpace::measure_residual() {
  double squares = 0;
  std::vector<double>& rest = diagonal_;
  for (std::int64_t m = 0; m < count_; ++m) {
    std::copy_n(products_.data() + m * order_, order_, rest.data());
    for (std::int64_t l = 0; l < count_; ++l) {
      const double along = dot(products_.data() + m * order_, vector(l), order_);
      subtract_multiple(rest.data(), vector(l), along, order_);
    }
    squares += dot(rest.data(), rest.data(), order_);
  }
  residual_ = std::sqrt(squares);
}

void TopSpace::measure_skewness() {
  double squares = 0;
  for (std::int64_t m = 0; m < count_; ++m) {
    for (std::int64_t l = 0; l <= m; ++l) {
      const double off = dot(vector(m), vector(l), order_) - (l == m ? 1 : 0);
      squares += (l == m ? 1 : 2) * off * off;
    }
  }
  skewness_ = std::sqrt(squares) + static_cast<double>(order_ * count_) * unit_roundoff;
}

}  // namespace rankme
