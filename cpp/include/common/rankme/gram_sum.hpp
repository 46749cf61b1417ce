// A Gram matrix as a value: what accumulators add up, merge, save and turn into a spectrum.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rankme/two_sum.hpp"

namespace rankme {

// A Gram matrix and its column sums on a power-of-two scale: the rows that entered were Z * 2^-e.
// e stays 0 unless entries of Z are so large or small that their squares would leave float64's
// range; changing it moves exponents only, so no bit of a mantissa is lost.
struct GramSum {
  // Throws OutOfMemory where dim x dim doubles cannot be had.
  explicit GramSum(std::int64_t dim);
  // Around a matrix that is there: (dim, dim).
  GramSum(std::int64_t dim, std::vector<double> gram);

  std::int64_t dim;
  int exponent = 0;
  std::vector<double> gram;  // (dim, dim) row-major, lower triangle; the upper one is not defined
  std::vector<double> column_sums;  // (dim,)
  // Z^T (Z X) for the probes X of probe.hpp, (dim, 8) row-major, on the scale of gram, in two parts
  // (two_sum.hpp): what the matrix loses where a little is added to a lot, they keep.
  std::vector<double> probe_products, probe_products_low;
  // The squares of all entries, summed apart: the trace that the matrix should have. Zero where
  // that is not known, as of sums that a GPU or a file has given.
  TwoParts squares;
  // What bounds the rounding: how many blocks were added, and the rows of the longest.
  std::int64_t blocks = 0;
  std::int64_t longest_block = 0;

  bool is_zero() const;
  // Makes room for rows whose largest magnitude is given, before their squares are added.
  void fit_scale(double largest);
  void add(const GramSum& other);

  // The whole symmetric matrix on the scale of Z. Throws std::overflow_error where an entry does
  // not fit float64.
  std::vector<double> dense() &&;
  // The lower triangle, row after row, on the scale that `exponent` names; and back.
  std::vector<double> packed() const;
  void unpack(const double* packed);

private:
  void rescale(int new_exponent);
};

// The exponent that a sum with this one should have before rows are added whose largest magnitude
// is given. is_zero: nothing but zeros is in it.
int fitted_exponent(double largest, int exponent, bool is_zero);

// What a matrix of this order is for, as errors of memory name it.
std::string gram_purpose(std::int64_t dim);

}  // namespace rankme
