// Sums in long double, and random parts of them: what tests of sums about the mean compare with.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/centred_sum.hpp"
#include "rankme/row_adder.hpp"
#include "rankme/values.hpp"

namespace exact {

using oracle::Matrix;
using rankme::CentredSum;
using rankme::MatrixView;

inline MatrixView view(const Matrix& z) {
  return rankme::view_of(z.entries.data(), z.rows, z.cols);
}

// What a sum holds, in long double: the mean by way of the first row, and the scatter.
struct Sum {
  std::vector<long double> mean, scatter;
  long double trace = 0;

  explicit Sum(const Matrix& z)
      : mean(static_cast<std::size_t>(z.cols)), scatter(static_cast<std::size_t>(z.cols * z.cols)) {
    for (std::int64_t j = 0; j < z.cols; ++j) {
      long double sum = 0;
      for (std::int64_t i = 0; i < z.rows; ++i) {
        sum += static_cast<long double>(z(i, j)) - z(0, j);
      }
      mean[static_cast<std::size_t>(j)] = z(0, j) + sum / static_cast<long double>(z.rows);
    }
    for (std::int64_t row = 0; row < z.rows; ++row) {
      for (std::int64_t i = 0; i < z.cols; ++i) {
        for (std::int64_t j = 0; j <= i; ++j) {
          scatter[static_cast<std::size_t>(i * z.cols + j)] +=
              (z(row, i) - mean[static_cast<std::size_t>(i)]) *
              (z(row, j) - mean[static_cast<std::size_t>(j)]);
        }
      }
    }
    for (std::int64_t i = 0; i < z.cols; ++i) {
      trace += scatter[static_cast<std::size_t>(i * (z.cols + 1))];
    }
  }

  // ||scatter - exact||_F
  long double distance(const CentredSum& sum) const {
    long double squares = 0;
    for (std::int64_t i = 0; i < sum.dim; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        const auto at = static_cast<std::size_t>(i * sum.dim + j);
        const long double entry =
            std::ldexp(static_cast<long double>(sum.scatter[at]), 2 * sum.exponent);
        squares += (i == j ? 1 : 2) * (entry - scatter[at]) * (entry - scatter[at]);
      }
    }
    return std::sqrt(squares);
  }

  long double mean_distance(const CentredSum& sum) const {
    long double squares = 0;
    for (std::int64_t j = 0; j < sum.dim; ++j) {
      const auto at = static_cast<std::size_t>(j);
      const long double got = std::ldexp(
          static_cast<long double>(sum.origin[at]) + sum.offset.high[at] + sum.offset.low[at],
          sum.exponent);
      squares += (got - mean[at]) * (got - mean[at]);
    }
    return std::sqrt(squares);
  }
};

inline CentredSum sum_of(const MatrixView& rows, const std::vector<double>& probes,
                         bool normalize = false) {
  CentredSum sum(rows.cols);
  rankme::RowAdder adder;
  adder.reserve(rows.rows, rows.cols);
  CHECK(adder.add(sum, rows, normalize, probes.data()));
  return sum;
}

// The rows in random cuts, each a sum of one block or two, which are merged in random order.
inline CentredSum merged(const MatrixView& z, const std::vector<double>& probes, unsigned seed,
                         bool normalize = false) {
  std::mt19937_64 engine(seed);
  std::vector<CentredSum> parts;
  for (std::int64_t row = 0; row < z.rows;) {
    const auto length = 1 + static_cast<std::int64_t>(engine() % 40);
    const std::int64_t end = std::min(z.rows, row + length);
    parts.push_back(sum_of(z.row_range(row, end), probes, normalize));
    row = end;
    if (row < z.rows && engine() % 2 == 0) {
      const std::int64_t more = std::min(z.rows, row + length);
      rankme::RowAdder adder;
      adder.reserve(more - row, z.cols);
      CHECK(adder.add(parts.back(), z.row_range(row, more), normalize, probes.data()));
      row = more;
    }
  }
  while (parts.size() > 1) {
    const std::size_t from = engine() % parts.size();
    std::swap(parts[from], parts.back());
    const std::size_t to = engine() % (parts.size() - 1);
    parts[to].add(parts.back(), probes.data());
    parts.pop_back();
  }
  return std::move(parts.front());
}

// Intervals hold what is wanted, which is off by a rounding or two of its own.
inline void holds(const rankme::SingularValues& got, const std::vector<long double>& wanted) {
  constexpr long double slack = 1e-14L;
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const long double low = std::ldexp(static_cast<long double>(got.low[k]), got.exponent);
    const long double high = std::ldexp(static_cast<long double>(got.high[k]), got.exponent);
    CHECK(low <= wanted[k] * (1 + slack) && wanted[k] * (1 - slack) <= high);
  }
}

// The singular values of rows * 2^exponent about their mean, or with it: those of [L, sqrt(n) m]
// with the scatter L L^T, whose columns are graded, so that Jacobi rotations of columns lose
// nothing.
inline std::vector<long double> values(const Sum& sum, std::int64_t n_rows, bool center,
                                       int exponent) {
  const auto dim = static_cast<std::int64_t>(sum.mean.size());
  const auto at = [&](std::int64_t i, std::int64_t j) {
    return static_cast<std::size_t>(i * dim + j);
  };
  std::vector<long double> factor(sum.scatter.size());
  Matrix graded(dim + 1, dim + 1);
  for (std::int64_t i = 0; i < dim; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      long double entry = std::ldexp(sum.scatter[at(i, j)], -2 * exponent);
      for (std::int64_t k = 0; k < j; ++k) entry -= factor[at(i, k)] * factor[at(j, k)];
      factor[at(i, j)] = i == j ? std::sqrt(entry) : entry / factor[at(j, j)];
      graded(i, j) = static_cast<double>(factor[at(i, j)]);
    }
    const long double mean = std::ldexp(sum.mean[static_cast<std::size_t>(i)], -exponent);
    if (!center) {
      graded(i, dim) = static_cast<double>(std::sqrt(static_cast<long double>(n_rows)) * mean);
    }
  }
  std::vector<long double> found;
  for (const double sigma : oracle::singular_values(graded)) {
    found.push_back(std::ldexp(static_cast<long double>(sigma), exponent));
  }
  found.pop_back();  // of the last row, which is empty
  return found;
}

}  // namespace exact
