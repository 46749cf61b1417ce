// Old mass does not swallow new rows, or the interval says so.
#include <algorithm>
#include <cmath>
#include <vector>

#include "check.hpp"
#include "exact.hpp"
#include "oracle.hpp"
#include "rankme/gram.hpp"
#include "rankme/layers.hpp"
#include "rankme/probe.hpp"
#include "rankme/spectrum.hpp"

namespace {

using exact::holds;
using rankme::MatrixView;

// Both singular values of a matrix with two columns, with squares a and c and product b.
std::vector<long double> of_two_columns(long double a, long double b, long double c) {
  const long double root = std::hypot((a - c) / 2, b);
  const long double largest = (a + c) / 2 + root;
  return {std::sqrt(largest), std::sqrt(std::max(0.0L, (a * c - b * b) / largest))};
}

// One row of a size that swallows what any other adds to the sum of squares.
void a_large_row_swallows_nothing() {
  for (const std::int64_t updates : {3000, 30000}) {
    rankme::GramAccumulator accumulator(2, false, 0);
    rankme::LayerAccumulator stack(1, 2, false, 0);
    const std::vector<double> large = {0x1p27, 0x1p27}, small = {0.25, -0.25};
    const auto add = [&](const std::vector<double>& row) {
      const MatrixView rows = rankme::view_of(row.data(), 1, 2);
      accumulator.update(rows);
      stack.update({rows});
    };
    add(large);
    for (std::int64_t i = 0; i < updates; ++i) add(small);
    const auto n = static_cast<long double>(updates);
    const std::vector<long double> plain = {std::sqrt(2.0L) * 0x1p27L, std::sqrt(n * 0.125L)};
    // About the mean they lie on one line.
    const long double across = std::sqrt(n / (n + 1));
    const std::vector<long double> centred = {across * std::hypot(0x1p27L - 0.25L, 0x1p27L + 0.25L),
                                              0};
    std::int64_t n_rows = 0;
    holds(rankme::singular_values(accumulator, false, &n_rows), plain);
    holds(rankme::singular_values(accumulator, true, &n_rows), centred);
    holds(stack.spectrum(0, false, &n_rows), plain);
    holds(stack.spectrum(0, true, &n_rows), centred);
  }
}

// The same along a direction that no probe sees, in either order of coming.
void what_no_probe_sees_is_kept() {
  constexpr std::int64_t dim = 12, updates = 20000;
  const std::vector<double> probes = rankme::gaussian_probes(dim, 0);
  // Orthogonal to all eight of them, by Gram and Schmidt, twice.
  std::vector<std::vector<long double>> basis;
  const auto orthogonal = [&](std::vector<long double> v) {
    for (int turn = 0; turn < 2; ++turn) {
      for (const auto& b : basis) {
        long double along = 0;
        for (std::size_t i = 0; i < dim; ++i) along += b[i] * v[i];
        for (std::size_t i = 0; i < dim; ++i) v[i] -= along * b[i];
      }
    }
    long double squares = 0;
    for (const long double x : v) squares += x * x;
    for (long double& x : v) x /= std::sqrt(squares);
    return v;
  };
  for (int p = 0; p < rankme::probe_count; ++p) {
    std::vector<long double> v(dim);
    for (std::size_t i = 0; i < dim; ++i) {
      v[i] = probes[i * rankme::probe_count + static_cast<std::size_t>(p)];
    }
    basis.push_back(orthogonal(v));
  }
  const std::vector<long double> unseen = orthogonal(std::vector<long double>(dim, 1));
  std::vector<double> large(dim), small(dim);
  for (std::size_t i = 0; i < dim; ++i) {
    large[i] = i % 2 == 0 ? 0x1p27 : -0x1p27;
    small[i] = static_cast<double>(0.5L * unseen[i]);
  }
  long double a = 0, b = 0, c = 0;
  for (std::size_t i = 0; i < dim; ++i) {
    a += static_cast<long double>(large[i]) * large[i];
    b += static_cast<long double>(large[i]) * small[i];
    c += static_cast<long double>(small[i]) * small[i];
  }
  const long double n = updates;
  // Rows in a plane: Z Z^T, by the large row and the sum of the small ones.
  const std::vector<long double> wanted = of_two_columns(a, std::sqrt(n) * b, n * c);
  for (const bool large_first : {true, false}) {
    rankme::GramAccumulator accumulator(dim, false, 0);
    if (large_first) accumulator.update(rankme::view_of(large.data(), 1, dim));
    for (std::int64_t i = 0; i < updates; ++i) {
      accumulator.update(rankme::view_of(small.data(), 1, dim));
    }
    if (!large_first) accumulator.update(rankme::view_of(large.data(), 1, dim));
    std::int64_t n_rows = 0;
    holds(rankme::singular_values(accumulator, false, &n_rows), wanted);
  }
}

}  // namespace

int main() {
  a_large_row_swallows_nothing();
  what_no_probe_sees_is_kept();
  return check::finish("two_levels");
}
