#include "rankme/block.hpp"

#include <algorithm>
#include <cmath>

#include "centring.hpp"
#include "multiversion.hpp"

namespace rankme {

namespace {

constexpr int lanes = 8;

// Eight running sums: the compiler may not reorder one, and eight make full use of a vector unit.
RANKME_MULTIVERSION double sum_of(const double* x, std::int64_t n) {
  double sums[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int lane = 0; lane < lanes; ++lane) sums[lane] += x[i + lane];
  }
  double total = 0;
  for (; i < n; ++i) total += x[i];
  for (const double part : sums) total += part;
  return total;
}

RANKME_MULTIVERSION double sum_of_squares(const double* x, std::int64_t n) {
  double sums[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int lane = 0; lane < lanes; ++lane) sums[lane] += x[i + lane] * x[i + lane];
  }
  double total = 0;
  for (; i < n; ++i) total += x[i] * x[i];
  for (const double part : sums) total += part;
  return total;
}

RANKME_MULTIVERSION void multiply(double* x, std::int64_t n, double first, double second) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = (x[i] * first) * second;
}

RANKME_MULTIVERSION void add_to(double* sums, const double* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sums[i] += x[i];
}

// Four rows at a time go into the running sums: fewer trips to them, and a shorter chain of
// additions.
RANKME_MULTIVERSION void shift_lines(double* __restrict x, std::int64_t count, std::int64_t length,
                                     const double* __restrict first, double* __restrict sums) {
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    double* __restrict a = x + i * length;
    double* __restrict b = a + length;
    double* __restrict c = b + length;
    double* __restrict d = c + length;
    for (std::int64_t j = 0; j < length; ++j) {
      a[j] -= first[j];
      b[j] -= first[j];
      c[j] -= first[j];
      d[j] -= first[j];
      sums[j] += (a[j] + b[j]) + (c[j] + d[j]);
    }
  }
  for (; i < count; ++i) {
    double* __restrict a = x + i * length;
    for (std::int64_t j = 0; j < length; ++j) {
      a[j] -= first[j];
      sums[j] += a[j];
    }
  }
}

RANKME_MULTIVERSION void subtract_from(double* x, std::int64_t n, double value) {
  for (std::int64_t i = 0; i < n; ++i) x[i] -= value;
}

double strided_squares(const double* x, std::int64_t n, std::int64_t stride, double power) {
  double total = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double y = x[i * stride] * power;
    total += y * y;
  }
  return total;
}

void multiply_strided(double* x, std::int64_t n, std::int64_t stride, const UnitScale& scale) {
  for (std::int64_t i = 0; i < n; ++i)
    x[i * stride] = (x[i * stride] * scale.power) * scale.inverse;
}

}  // namespace

UnitScale unit_scale(const double* x, std::int64_t n, std::int64_t stride) {
  // Far from both ends of the range no square in the sum has overflowed or lost bits that matter.
  constexpr double low = 1e-200;
  constexpr double high = 1e200;
  const double squares = stride == 1 ? sum_of_squares(x, n) : strided_squares(x, n, stride, 1);
  if (squares > low && squares < high) return {1, 1 / std::sqrt(squares)};

  double largest = 0;
  for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(x[i * stride]));
  if (largest == 0) return {1, 1};
  // 2^1000 and not the exact exponent: neither the power nor its inverse is then subnormal.
  const double power = std::ldexp(1.0, -std::clamp(std::ilogb(largest), -1000, 1000));
  return {power, 1 / std::sqrt(strided_squares(x, n, stride, power))};
}

void normalize_rows(const Block& block) {
  for (std::int64_t i = 0; i < block.rows; ++i) {
    if (block.layout == Layout::row_major) {
      double* row = block.data + i * block.cols;
      const UnitScale scale = unit_scale(row, block.cols, 1);
      multiply(row, block.cols, scale.power, scale.inverse);
    } else {
      double* row = block.data + i;
      multiply_strided(row, block.cols, block.rows, unit_scale(row, block.cols, block.rows));
    }
  }
}

void scale_columns(const Block& block, const UnitScale* scales) {
  for (std::int64_t j = 0; j < block.cols; ++j) {
    if (block.layout == Layout::column_major) {
      multiply(block.data + j * block.rows, block.rows, scales[j].power, scales[j].inverse);
    } else {
      multiply_strided(block.data + j, block.rows, block.cols, scales[j]);
    }
  }
}

void scale_all(const Block& block, double factor) {
  multiply(block.data, block.rows * block.cols, factor, 1);
}

void subtract_row(const Block& block, const double* row) {
  const bool by_rows = block.layout == Layout::row_major;
  for (std::int64_t i = 0; i < (by_rows ? block.rows : block.cols); ++i) {
    double* line = block.data + i * (by_rows ? block.cols : block.rows);
    if (by_rows) {
      for (std::int64_t j = 0; j < block.cols; ++j) line[j] -= row[j];
    } else {
      for (std::int64_t j = 0; j < block.rows; ++j) line[j] -= row[i];
    }
  }
}

void subtract_first_column(const Block& block) {
  if (block.layout == Layout::row_major) {
    for (std::int64_t i = 0; i < block.rows; ++i) {
      double* row = block.data + i * block.cols;
      const double first = row[0];
      for (std::int64_t j = 0; j < block.cols; ++j) row[j] -= first;
    }
  } else {
    for (std::int64_t j = block.cols - 1; j >= 0; --j) {
      double* column = block.data + j * block.rows;
      for (std::int64_t i = 0; i < block.rows; ++i) column[i] -= block.data[i];
    }
  }
}

double largest_magnitude(const Block& block) {
  double largest = 0;
  for (std::int64_t i = 0; i < block.rows * block.cols; ++i) {
    largest = std::max(largest, std::abs(block.data[i]));
  }
  return largest;
}

void add_squares(const double* x, std::int64_t count, TwoParts& sum) {
  constexpr std::int64_t piece = 128;
  for (std::int64_t i = 0; i < count; i += piece) {
    sum.add(sum_of_squares(x + i, std::min(piece, count - i)));
  }
}

void sum_columns(const Block& block, double* sums) {
  if (block.layout == Layout::column_major) {
    for (std::int64_t j = 0; j < block.cols; ++j) {
      sums[j] = sum_of(block.data + j * block.rows, block.rows);
    }
    return;
  }
  std::fill(sums, sums + block.cols, 0.0);
  for (std::int64_t i = 0; i < block.rows; ++i) {
    add_to(sums, block.data + i * block.cols, block.cols);
  }
}

void shift_rows(const Block& block, const double* first, double* sums) {
  shift_lines(block.data, block.rows, block.cols, first, sums);
}

void centre_columns(const Block& block, std::int64_t rows, double* first, double* mean,
                    TwoParts& squares) {
  for (std::int64_t j = 0; j < block.cols; ++j) {
    double* column = block.data + j * block.rows;
    first[j] = column[0];
    subtract_from(column, rows, first[j]);
    mean[j] = sum_of(column, rows) / static_cast<double>(rows);
    subtract_from(column, rows, mean[j]);
    add_squares(column, rows, squares);
  }
}

}  // namespace rankme
