#include <cmath>
#include <cstring>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/error.hpp"
#include "rankme/gram.hpp"
#include "rankme/measure.hpp"
#include "rankme/probe.hpp"

namespace {

using oracle::Matrix;
using rankme::Block;
using rankme::CentredSum;
using rankme::GramAccumulator;
using rankme::Layout;
using rankme::probe_count;

void products_are_right_in_either_layout() {
  for (const auto& [rows, cols] : {std::pair{1, 1}, {7, 5}, {8, 8}, {37, 61}, {64, 3}}) {
    const Matrix z = oracle::random_matrix(rows, cols, 31);
    const Matrix t = oracle::transpose(z);
    const std::vector<double> probes = rankme::gaussian_probes(cols, 5);
    std::vector<double> scratch(static_cast<std::size_t>(rows * probe_count));
    for (const Layout layout : {Layout::row_major, Layout::column_major}) {
      std::vector<double> data = layout == Layout::row_major ? z.entries : t.entries;
      std::vector<double> products(static_cast<std::size_t>(cols * probe_count), 1.0);
      rankme::add_probe_products({data.data(), rows, cols, layout}, probes.data(), scratch.data(),
                                 products.data());
      for (std::int64_t j = 0; j < cols; ++j) {
        for (int p = 0; p < probe_count; ++p) {
          double wanted = 1;
          for (std::int64_t i = 0; i < rows; ++i) {
            double zx = 0;
            for (std::int64_t k = 0; k < cols; ++k) {
              zx += z(i, k) * probes[static_cast<std::size_t>(k * probe_count + p)];
            }
            wanted += z(i, j) * zx;
          }
          CHECK(std::abs(products[static_cast<std::size_t>(j * probe_count + p)] - wanted) <
                1e-11 * static_cast<double>(rows * cols));
        }
      }
    }
  }
}

// Moments of the normal distribution, and independence of neighbours.
void probes_are_normal() {
  const std::vector<double> x = rankme::gaussian_probes(50000, 7);
  const double count = static_cast<double>(x.size());
  double first = 0, second = 0, fourth = 0, neighbours = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    first += x[i] / count;
    second += x[i] * x[i] / count;
    fourth += std::pow(x[i], 4) / count;
    if (i > 0) neighbours += x[i] * x[i - 1] / count;
  }
  const double sigma = 1 / std::sqrt(count);
  CHECK(std::abs(first) < 5 * sigma);
  CHECK(std::abs(second - 1) < 5 * std::sqrt(2.0) * sigma);
  CHECK(std::abs(fourth - 3) < 5 * std::sqrt(96.0) * sigma);
  CHECK(std::abs(neighbours) < 5 * sigma);
  CHECK(rankme::gaussian_probes(10, 1) == rankme::gaussian_probes(10, 1));
  CHECK(rankme::gaussian_probes(10, 1) != rankme::gaussian_probes(10, 2));
}

// The statement behind probe_safety, by simulation at a level that can be simulated: for an error
// of rank one, ||E X||_F^2 / ||E||_F^2 is chi-squared with 8 degrees of freedom. P(chi^2_8 < x) has
// the closed form 1 - exp(-x/2) (1 + x/2 + (x/2)^2 / 2 + (x/2)^3 / 6).
void small_residuals_are_as_rare_as_stated() {
  const auto below = [](double x) {
    const double h = x / 2;
    return 1 - std::exp(-h) * (1 + h + h * h / 2 + h * h * h / 6);
  };
  CHECK(below(8 / (rankme::probe_safety * rankme::probe_safety)) < 1e-6);

  // E = e e^T with a unit vector e spread over 16 dimensions: ||E X||^2 is the squared norm of e^T
  // X.
  constexpr int rounds = 40000;
  for (const double safety : {2.0, 3.0}) {
    int small = 0;
    for (int round = 0; round < rounds; ++round) {
      const std::vector<double> x = rankme::gaussian_probes(16, static_cast<std::uint64_t>(round));
      double squares = 0;
      for (int p = 0; p < probe_count; ++p) {
        double dot = 0;
        for (int k = 0; k < 16; ++k) {
          dot += 0.25 * x[static_cast<std::size_t>(k * probe_count + p)];
        }
        squares += dot * dot;
      }
      if (squares < 8 / (safety * safety)) ++small;
    }
    const double expected = rounds * below(8 / (safety * safety));
    CHECK(std::abs(small - expected) < 5 * std::sqrt(expected));
  }
}

CentredSum sum_of(const GramAccumulator& accumulator) {
  std::int64_t n_rows = 0;
  return accumulator.total(&n_rows);
}

double flipped(double x, int bit) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, 8);
  bits ^= std::uint64_t{1} << bit;
  std::memcpy(&x, &bits, 8);
  return x;
}

void a_flipped_bit_is_noticed() {
  const Matrix z = oracle::random_matrix(2000, 40, 32);
  GramAccumulator accumulator(40, false, 3);
  accumulator.update(rankme::view_of(z.entries.data(), 2000, 40));
  const CentredSum good = sum_of(accumulator);
  const auto before = rankme::measure_accuracy(good, accumulator.probes());
  CHECK(before.scatter.delta < 1e-12 * before.scatter.trace);
  const auto refused = [&](auto part, std::size_t at, int bit) {
    CentredSum bad = good;
    std::vector<double>& numbers = part(bad);
    numbers[at] = flipped(numbers[at], bit);
    CHECK_THROWS(rankme::measure_accuracy(bad, accumulator.probes()), rankme::IntegrityError,
                 "disagrees with its probes");
  };
  for (const int bit : {40, 45, 51, 52, 55, 61}) {
    for (const auto& [i, j] : {std::pair{0, 0}, {7, 7}, {20, 3}, {39, 38}}) {
      const auto at = static_cast<std::size_t>(i * 40 + j);
      refused([](CentredSum& sum) -> auto& { return sum.scatter; }, at, bit);
    }
    for (const std::size_t at : {0, 17, 39}) {
      refused([](CentredSum& sum) -> auto& { return sum.offset.high; }, at, bit);
      refused([](CentredSum& sum) -> auto& { return sum.probe_products; }, 8 * at + 5, bit);
    }
    for (const std::size_t at : {0, 7}) {
      refused([](CentredSum& sum) -> auto& { return sum.mean_products; }, at, bit);
    }
  }
  // What is too small for that is in delta all the same; off the diagonal more is.
  for (const auto& [at, share] : {std::pair{41, 1e-12}, {40, 1e-11}}) {
    CentredSum slightly = good;
    const double moved = share * good.scatter[41];
    slightly.scatter[static_cast<std::size_t>(at)] += moved;
    CHECK(rankme::measure_accuracy(slightly, accumulator.probes()).scatter.delta > moved);
  }
  CentredSum off = good;
  const double by = 1e-13 * off.offset.high[3];
  off.offset.high[3] += by;
  CHECK(rankme::measure_accuracy(off, accumulator.probes()).mean >
        std::sqrt(2000.0) * std::abs(by));
  CentredSum not_a_number = good;
  not_a_number.scatter[0] = std::nan("");
  CHECK_THROWS(rankme::measure_accuracy(not_a_number, accumulator.probes()), rankme::IntegrityError,
               "disagrees");
  not_a_number = good;
  not_a_number.offset.high[0] = std::nan("");
  CHECK_THROWS(rankme::measure_accuracy(not_a_number, accumulator.probes()), rankme::IntegrityError,
               "disagrees");
}

// The same of Z^T Z, which wide matrices and GPUs keep.
void a_flipped_bit_of_products_is_noticed() {
  const Matrix z = oracle::random_matrix(2000, 40, 33);
  GramAccumulator accumulator(40, false, 3);
  accumulator.update(rankme::view_of(z.entries.data(), 2000, 40));
  const rankme::GramSum good = sum_of(accumulator).uncentred(accumulator.probes().data());
  const auto before = rankme::measure_accuracy(good, accumulator.probes());
  CHECK(before.delta < 1e-12 * before.trace);
  for (const int bit : {40, 45, 51, 52, 55, 61}) {
    for (const auto& [i, j] : {std::pair{0, 0}, {7, 7}, {20, 3}, {39, 38}}) {
      rankme::GramSum bad = good;
      double& entry = bad.gram[static_cast<std::size_t>(i * 40 + j)];
      entry = flipped(entry, bit);
      CHECK_THROWS(rankme::measure_accuracy(bad, accumulator.probes()), rankme::IntegrityError,
                   "disagrees with its probes");
    }
  }
}

// Sums of the same number round the same way every time: the drift that a bound by the square root
// of the number of additions would not allow for.
void steady_rounding_is_no_fault() {
  std::vector<double> z(300 * 8, 0.1);
  GramAccumulator accumulator(8, false, 4);
  for (int update = 0; update < 3000; ++update) {
    accumulator.update(rankme::view_of(z.data(), 1 + update % 300, 8));
  }
  (void)rankme::measure_accuracy(sum_of(accumulator), accumulator.probes());
}

}  // namespace

int main() {
  products_are_right_in_either_layout();
  probes_are_normal();
  small_residuals_are_as_rare_as_stated();
  a_flipped_bit_is_noticed();
  a_flipped_bit_of_products_is_noticed();
  steady_rounding_is_no_fault();
  return check::finish("probe");
}
