// What is done to a float64 block of rows before it is multiplied.
#pragma once

#include <cstdint>

#include "rankme/two_sum.hpp"
#include "rankme/widen.hpp"

namespace rankme {

// What brings a vector to unit norm, in two factors, because the norm's inverse alone may leave
// float64's range: multiply by both, in this order. {1, 1} for a vector of zeros.
struct UnitScale {
  double power;    // a power of two, 1 unless the entries' squares leave the range
  double inverse;  // of the norm that remains
};

// Of n finite doubles that lie `stride` doubles apart.
UnitScale unit_scale(const double* x, std::int64_t n, std::int64_t stride);

struct Block {
  double* data;
  std::int64_t rows;
  std::int64_t cols;
  Layout layout;
};

void normalize_rows(const Block& block);
void scale_columns(const Block& block, const UnitScale* scales);
void scale_all(const Block& block, double factor);
// block(i, j) -= row[j]
void subtract_row(const Block& block, const double* row);
// block(i, j) -= block(i, 0)
void subtract_first_column(const Block& block);
double largest_magnitude(const Block& block);
// sum += the squares of all entries, a short piece at a time: a long chain of additions would lose
// what is small beside what is large, as the matrix does that it is compared with.
void add_squares(const double* x, std::int64_t count, TwoParts& sum);
// sums[j] = sum_i block(i, j)
void sum_columns(const Block& block, double* sums);

}  // namespace rankme
