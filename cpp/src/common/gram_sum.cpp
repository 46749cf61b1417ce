#include "rankme/gram_sum.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "rankme/memory.hpp"
#include "rankme/probe.hpp"
#include "rankme/triangle.hpp"
#include "rankme/two_sum.hpp"

namespace rankme {

namespace {

// Entries within 2^+-100 of the scale can be squared twice and summed without leaving float64's
// range: the measures of accuracy square the sums again.
constexpr int safe_exponents = 100;

int scale_for(double largest) {
  const int exponent = std::ilogb(largest);
  // Beyond +-1000 the factor itself would be subnormal, and there is room enough.
  return std::abs(exponent) <= safe_exponents ? 0 : std::clamp(exponent, -1000, 1000);
}

// to += from * 2^shift
void add_scaled(std::vector<double>& to, const std::vector<double>& from, int shift) {
  if (shift == 0) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  } else {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += std::ldexp(from[i], shift);
  }
}

}  // namespace

std::string gram_purpose(std::int64_t dim) {
  return "a float64 Gram matrix of " + std::to_string(dim) + " x " + std::to_string(dim);
}

GramSum::GramSum(std::int64_t dim_)
    : GramSum(valid_dim(dim_), zeros(dim_, dim_, gram_purpose(dim_))) {}

GramSum::GramSum(std::int64_t dim_, std::vector<double> gram_)
    : dim(dim_),
      gram(std::move(gram_)),
      column_sums(static_cast<std::size_t>(dim_)),
      probe_products(static_cast<std::size_t>(dim_ * probe_count)),
      probe_products_low(static_cast<std::size_t>(dim_ * probe_count)) {}

bool GramSum::is_zero() const {
  for (std::int64_t i = 0; i < dim; ++i) {
    if (gram[static_cast<std::size_t>(i * dim + i)] != 0) return false;
  }
  return true;
}

void GramSum::rescale(int new_exponent) {
  const int shift = exponent - new_exponent;
  for (double& g : gram) g = std::ldexp(g, 2 * shift);
  for (double& s : column_sums) s = std::ldexp(s, shift);
  for (double& y : probe_products) y = std::ldexp(y, 2 * shift);
  for (double& y : probe_products_low) y = std::ldexp(y, 2 * shift);
  squares = squares.scaled(2 * shift);
  exponent = new_exponent;
}

int fitted_exponent(double largest, int exponent, bool is_zero) {
  if (largest == 0) return exponent;
  const int relative = std::ilogb(largest) - exponent;
  if (relative > safe_exponents) return scale_for(largest);
  // Where something larger is already in, rows this small cannot be seen beside it.
  return relative < -safe_exponents && is_zero ? scale_for(largest) : exponent;
}

void GramSum::fit_scale(double largest) {
  if (largest == 0) return;
  const int fitted = fitted_exponent(largest, exponent, false);
  if (fitted != exponent) {
    rescale(fitted);
  } else if (fitted_exponent(largest, exponent, true) != exponent && is_zero()) {
    exponent = fitted_exponent(largest, exponent, true);
  }
}

void GramSum::add(const GramSum& other) {
  // The sum of two sums rounds once more; with nothing, it does not.
  const int once_more = blocks > 0 && other.blocks > 0 ? 1 : 0;
  // A sum doubled again and again has more blocks than fit, and a bound that is no use by then.
  constexpr std::int64_t most = std::int64_t{1} << 61;
  blocks = std::min(blocks, most) + std::min(other.blocks, most) + once_more;
  longest_block = std::max(longest_block, other.longest_block);
  if (other.is_zero()) return;
  const bool known = (squares.high > 0 || is_zero()) && other.squares.high > 0;
  if (is_zero()) exponent = other.exponent;
  if (other.exponent > exponent) rescale(other.exponent);
  const int shift = other.exponent - exponent;
  add_scaled(gram, other.gram, 2 * shift);
  add_scaled(column_sums, other.column_sums, shift);
  if (known) {
    squares.add(other.squares.scaled(2 * shift));
  } else {
    squares = {};
  }
  for (std::size_t i = 0; i < probe_products.size(); ++i) {
    add_two_sum(probe_products[i], probe_products_low[i],
                std::ldexp(other.probe_products[i], 2 * shift));
    probe_products_low[i] += std::ldexp(other.probe_products_low[i], 2 * shift);
  }
}

std::vector<double> GramSum::dense() && {
  for (std::int64_t i = 0; i < dim; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      double& entry = gram[static_cast<std::size_t>(i * dim + j)];
      if (exponent != 0) entry = std::ldexp(entry, 2 * exponent);
      if (!std::isfinite(entry)) {
        throw std::overflow_error("entry [" + std::to_string(i) + ", " + std::to_string(j) +
                                  "] of the Gram matrix is too large for float64; the spectrum "
                                  "and the score are not affected");
      }
      gram[static_cast<std::size_t>(j * dim + i)] = entry;
    }
  }
  return std::move(gram);
}

std::vector<double> GramSum::packed() const { return packed_triangle(gram, dim); }

void GramSum::unpack(const double* packed) { unpack_triangle(packed, dim, gram); }

}  // namespace rankme
