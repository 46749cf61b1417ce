// Scatter about the mean: added up, merged and turned into Z^T Z, against long doubles.
#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/gram.hpp"
#include "rankme/layers.hpp"
#include "rankme/measure.hpp"
#include "rankme/probe.hpp"
#include "rankme/row_adder.hpp"
#include "rankme/spectrum.hpp"
#include "sums.hpp"

namespace {

using oracle::Matrix;
using rankme::CentredSum;
using rankme::GramSum;
using rankme::MatrixView;
using rankme::SingularValues;

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

// What a sum holds, in long double: the mean by way of the first row, and the scatter.
struct Exact {
  std::vector<long double> mean, scatter;
  long double trace = 0;

  explicit Exact(const Matrix& z)
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

CentredSum sum_of(const MatrixView& rows, const std::vector<double>& probes,
                  bool normalize = false) {
  CentredSum sum(rows.cols);
  rankme::RowAdder adder;
  adder.reserve(rows.rows, rows.cols);
  CHECK(adder.add(sum, rows, normalize, probes.data()));
  return sum;
}

// The rows in random cuts, each a sum of one block or two, which are merged in random order.
CentredSum merged(const MatrixView& z, const std::vector<double>& probes, unsigned seed,
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

// The sum is right, the probes find nothing wrong with it, and what they say holds.
void check_sum(const CentredSum& sum, const Exact& exact, const Matrix& z,
               const std::vector<double>& probes, double tolerance) {
  CHECK(sum.rows == z.rows);
  const rankme::CentredAccuracy accuracy = rankme::measure_accuracy(sum, probes);
  const long double unit = std::ldexp(1.0L, 2 * sum.exponent);
  CHECK(exact.distance(sum) <= tolerance * exact.trace);
  // Entries of the differences round once more, by the norm of the rows (block_centring_error).
  const long double rounding =
      4 * rankme::unit_roundoff * std::sqrt(static_cast<long double>(z.rows)) * exact.trace;
  CHECK(exact.distance(sum) <= accuracy.scatter.delta * unit + rounding);
  const long double root = std::sqrt(static_cast<long double>(z.rows));
  CHECK(root * exact.mean_distance(sum) <=
        std::ldexp(static_cast<long double>(accuracy.mean), sum.exponent) +
            4 * rankme::unit_roundoff * std::sqrt(exact.trace));
}

// Intervals hold what is wanted, which is off by a rounding or two of its own.
void holds(const SingularValues& got, const std::vector<long double>& wanted) {
  constexpr long double slack = 1e-14L;
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const long double low = std::ldexp(static_cast<long double>(got.low[k]), got.exponent);
    const long double high = std::ldexp(static_cast<long double>(got.high[k]), got.exponent);
    CHECK(low <= wanted[k] * (1 + slack) && wanted[k] * (1 - slack) <= high);
  }
}

// The singular values of rows * 2^exponent about their mean, or with it: those of [L, sqrt(n) m] with
// the scatter L L^T, whose columns are graded, so that Jacobi rotations of columns lose nothing.
std::vector<long double> exact_values(const Exact& exact, std::int64_t n_rows, bool center,
                                      int exponent) {
  const auto dim = static_cast<std::int64_t>(exact.mean.size());
  const auto at = [&](std::int64_t i, std::int64_t j) {
    return static_cast<std::size_t>(i * dim + j);
  };
  std::vector<long double> factor(exact.scatter.size());
  Matrix graded(dim + 1, dim + 1);
  for (std::int64_t i = 0; i < dim; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      long double entry = std::ldexp(exact.scatter[at(i, j)], -2 * exponent);
      for (std::int64_t k = 0; k < j; ++k) entry -= factor[at(i, k)] * factor[at(j, k)];
      factor[at(i, j)] = i == j ? std::sqrt(entry) : entry / factor[at(j, j)];
      graded(i, j) = static_cast<double>(factor[at(i, j)]);
    }
    const long double mean = std::ldexp(exact.mean[static_cast<std::size_t>(i)], -exponent);
    if (!center) {
      graded(i, dim) = static_cast<double>(std::sqrt(static_cast<long double>(n_rows)) * mean);
    }
  }
  std::vector<long double> values;
  for (const double sigma : oracle::singular_values(graded)) {
    values.push_back(std::ldexp(static_cast<long double>(sigma), exponent));
  }
  values.pop_back();  // of the last row, which is empty
  return values;
}

void merges_in_any_order() {
  const std::vector<double> probes = rankme::gaussian_probes(7, 0);
  for (const double size : {0.0, 1.0, 1e4, 1e8, 1e10}) {
    Matrix z = oracle::random_matrix(400, 7, 1);
    for (std::int64_t i = 0; i < z.rows; ++i) {
      for (std::int64_t j = 0; j < z.cols; ++j) z(i, j) += size * (j % 2 == 0 ? 1.1 : -0.3);
    }
    const Exact exact(z);
    const Matrix t = oracle::transpose(z);
    for (unsigned seed = 0; seed < 20; ++seed) {
      // Entries of z are given: none of the mean's length is left in the error.
      check_sum(merged(view(z), probes, seed), exact, z, probes, 1e-14);
      check_sum(merged(view(t).transposed(), probes, seed), exact, z, probes, 1e-14);
    }
  }
}

void equal_rows_have_no_scatter() {
  const std::vector<double> probes = rankme::gaussian_probes(5, 0);
  for (const double size : {1.0, 1e8, 1e-300, 1e300}) {
    Matrix z(300, 5);
    for (std::int64_t i = 0; i < z.rows; ++i) {
      for (std::int64_t j = 0; j < 5; ++j) z(i, j) = size / (3 + static_cast<double>(j));
    }
    const Matrix t = oracle::transpose(z);
    for (unsigned seed = 0; seed < 40; ++seed) {
      for (const bool normalize : {false, true}) {
        const MatrixView rows = seed % 2 == 0 ? view(z) : view(t).transposed();
        const CentredSum sum = merged(rows, probes, seed, normalize);
        for (const double entry : sum.packed()) CHECK(entry == 0);
        for (std::size_t j = 0; j < 5; ++j) {
          CHECK(sum.offset.high[j] == 0 && sum.offset.low[j] == 0);
          if (!normalize) CHECK(std::ldexp(sum.origin[j], sum.exponent) == z(0, static_cast<std::int64_t>(j)));
        }
        const rankme::CentredAccuracy accuracy = rankme::measure_accuracy(sum, probes);
        CHECK(accuracy.scatter.delta == 0 && accuracy.mean == 0);
      }
    }
  }
}

// Each half around a mean of its own, in either order.
void origins_far_apart_meet() {
  const std::vector<double> probes = rankme::gaussian_probes(6, 0);
  Matrix z = oracle::random_matrix(200, 6, 2);
  for (std::int64_t i = 0; i < 200; ++i) {
    for (std::int64_t j = 0; j < 6; ++j) z(i, j) += i < 100 ? 1e8 : -2e8;
  }
  const Exact exact(z);
  const CentredSum left = sum_of(view(z).row_range(0, 100), probes);
  const CentredSum right = sum_of(view(z).row_range(100, 200), probes);
  for (const auto& [first, second] : {std::pair{&left, &right}, std::pair{&right, &left}}) {
    CentredSum sum = *first;
    sum.add(*second, probes.data());
    CHECK(sum.origin == first->origin);
    check_sum(sum, exact, z, probes, 1e-14);
    // Threads that share the matrix change no bit.
    CentredSum shared = *first;
    shared.add(*second, probes.data(), 3);
    CHECK(sums::same_bits(shared, sum));
  }
  // With nothing, nothing changes.
  CentredSum sum = left, empty(6);
  sum.add(empty, probes.data());
  CHECK(sums::same_bits(sum, left));
  empty.add(left, probes.data());
  CHECK(sums::same_bits(empty, left));
}

void every_scale_is_added() {
  const std::vector<double> probes = rankme::gaussian_probes(6, 0);
  const auto scaled = [](double first, double second) {
    Matrix z = oracle::random_matrix(120, 6, 3);
    for (std::int64_t i = 0; i < 120; ++i) {
      for (std::int64_t j = 0; j < 6; ++j) z(i, j) = (z(i, j) + 3) * (i < 60 ? first : second);
    }
    return z;
  };
  for (const auto& [first, second] :
       {std::pair{1e200, 1e200}, {1e-200, 1e-200}, {1e200, 1e-200}, {1e-200, 1e200}, {1.0, 1e180},
        {1e-250, 1.0}, {1e100, 1.0}, {1.0, 0.0}, {0.0, 1e-200}}) {
    const Matrix z = scaled(first, second);
    const Exact exact(z);
    CentredSum sum = sum_of(view(z).row_range(0, 60), probes);
    sum.add(sum_of(view(z).row_range(60, 120), probes), probes.data());
    check_sum(sum, exact, z, probes, 1e-14);
    // Into one and the same sum, whose scale follows.
    CentredSum grown = sum_of(view(z).row_range(0, 60), probes);
    rankme::RowAdder adder;
    adder.reserve(60, 6);
    CHECK(adder.add(grown, view(z).row_range(60, 120), false, probes.data()));
    check_sum(grown, exact, z, probes, 1e-14);
  }
}

void products_and_back() {
  const std::vector<double> probes = rankme::gaussian_probes(8, 4);
  for (const double size : {0.0, 1.0, 1e3, 1e6, 1e9}) {
    for (const int exponent : {0, 600}) {
      Matrix z = oracle::random_matrix(500, 8, 5);
      for (double& x : z.entries) x = std::ldexp(x + size, exponent);
      const Exact exact(z);
      const CentredSum sum = merged(view(z), probes, 6);
      const GramSum gram = sum.uncentred(probes.data());
      // Z^T Z itself, relative to what Cauchy and Schwarz allow.
      for (std::int64_t i = 0; i < 8; ++i) {
        long double column = 0;
        for (std::int64_t j = 0; j <= i; ++j) {
          long double wanted = 0, a = 0, b = 0;
          column = 0;
          for (std::int64_t row = 0; row < z.rows; ++row) {
            const long double x = std::ldexp(static_cast<long double>(z(row, i)), -gram.exponent);
            const long double y = std::ldexp(static_cast<long double>(z(row, j)), -gram.exponent);
            wanted += x * y;
            a += x * x;
            b += y * y;
            column += x;
          }
          const long double got = gram.gram[static_cast<std::size_t>(i * 8 + j)];
          CHECK(std::abs(got - wanted) <= 1e-14L * std::sqrt(a * b));
        }
        CHECK(std::abs(gram.column_sums[static_cast<std::size_t>(i)] - column) <=
              1e-12L * (1 + std::abs(column)));
      }
      (void)rankme::measure_accuracy(gram, probes);

      const CentredSum back = CentredSum::from_uncentred(gram, z.rows, probes.data());
      const rankme::CentredAccuracy accuracy = rankme::measure_accuracy(back, probes);
      const long double unit = std::ldexp(1.0L, 2 * back.exponent);
      // What cancels is lost, and known to be.
      CHECK(exact.distance(back) <= (back.unseen + accuracy.scatter.delta) * unit);
      double products = 0;
      for (std::size_t i = 0; i < 8; ++i) products += gram.gram[i * 9];
      CHECK(back.unseen <= 1e-12 * products);
      CHECK(back.rows == z.rows && accuracy.scatter.delta >= back.unseen);
      for (const bool center : {true, false}) {
        const std::vector<long double> values = exact_values(exact, z.rows, center, exponent);
        holds(rankme::singular_values(back, probes, center, false), values);
        const SingularValues got = rankme::singular_values(sum, probes, center, false);
        holds(got, values);
        // Never centred by subtraction, whatever the mean: good to the last digits.
        for (std::size_t k = 0; k < 8; ++k) {
          const long double sigma = std::ldexp(static_cast<long double>(got.scaled[k]), got.exponent);
          CHECK(std::abs(sigma - values[k]) <= 1e-13L * values[k]);
        }
      }
      // Beside rows that were centred from the first: neither their origin, which the mean is close
      // to, nor their small scatter raises an alarm.
      for (const bool first : {false, true}) {
        CentredSum both = first ? back : sum;
        both.add(first ? sum : back, probes.data());
        const rankme::CentredAccuracy found = rankme::measure_accuracy(both, probes);
        CHECK(both.rows == 2 * z.rows && found.scatter.delta >= back.unseen);
      }
    }
  }
}

// The first row of a sum lies far from all others, and so does the origin that the mean is told by.
void an_outlier_as_origin_is_no_fault() {
  for (const std::int64_t cols : {1, 4, 33}) {
    const std::vector<double> probes = rankme::gaussian_probes(cols, 0);
    for (const double size : {1e4, 1e8, 1e14}) {
      Matrix z = oracle::random_matrix(20000, cols, 7);
      rankme::GramAccumulator plain(cols, false, 0), with_outlier(cols, false, 0);
      plain.update(view(z));
      for (std::int64_t j = 0; j < cols; ++j) z(0, j) = size;
      with_outlier.update(view(z));
      plain.merge(with_outlier);
      std::int64_t n_rows = 0;
      const CentredSum sum = plain.total(&n_rows);
      (void)rankme::measure_accuracy(with_outlier.total(&n_rows), probes);
      const rankme::CentredAccuracy accuracy = rankme::measure_accuracy(sum, probes);
      CHECK(accuracy.scatter.delta <= 1e-10 * accuracy.scatter.trace);
    }
  }
}

void the_mean_moves() {
  CentredSum sum(2);
  double row[2] = {};
  CHECK(!sum.move_mean(3, {{1, 2}, {0, 0}}, row));
  CHECK(sum.rows == 3 && sum.mean(0) == 1 && sum.mean(1) == 2);
  CHECK(sum.move_mean(1, {{5, 2}, {0, 0}}, row));
  CHECK(sum.rows == 4 && sum.mean(0) == 2 && sum.mean(1) == 2);
  CHECK_CLOSE(row[0], std::sqrt(0.75) * 4, 1e-15);
  CHECK(row[1] == 0);
  CHECK(!sum.move_mean(6, {{2, 2}, {0, 0}}, row));
  // What lies below the last bit of the first part still counts.
  CHECK(sum.move_mean(10, {{2, 2}, {0x1p-60, 0}}, row));
  CHECK(sum.offset.high[0] == 2 && sum.offset.low[0] == 0x1p-61);
}

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
    const std::vector<long double> centred = {
        across * std::hypot(0x1p27L - 0.25L, 0x1p27L + 0.25L), 0};
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
  merges_in_any_order();
  equal_rows_have_no_scatter();
  origins_far_apart_meet();
  every_scale_is_added();
  products_and_back();
  an_outlier_as_origin_is_no_fault();
  the_mean_moves();
  a_large_row_swallows_nothing();
  what_no_probe_sees_is_kept();
  return check::finish("centred_sum");
}
