// Sums in float32: what they are off by is what the probes measure, and the interval holds.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "float_kernels.hpp"
#include "float_rows.hpp"
#include "oracle.hpp"
#include "rankme/entropy.hpp"
#include "rankme/error.hpp"
#include "rankme/gram.hpp"
#include "rankme/measure.hpp"
#include "rankme/spectrum.hpp"
#include "rankme/threads.hpp"
#include "sums.hpp"

namespace {

using oracle::Matrix;
using rankme::CentredSum;
using rankme::DType;
using rankme::GramAccumulator;
using rankme::MatrixView;
using rankme::Precision;

constexpr double anything = std::numeric_limits<double>::infinity();

std::vector<float> floats(const Matrix& z) { return {z.entries.begin(), z.entries.end()}; }

Matrix rounded(Matrix z) {
  for (double& x : z.entries) x = static_cast<double>(static_cast<float>(x));
  return z;
}

CentredSum total(const GramAccumulator& accumulator) {
  std::int64_t n_rows = 0;
  return accumulator.total(&n_rows);
}

CentredSum fast_sum(const std::vector<float>& z, std::int64_t rows, std::int64_t cols,
                    std::int64_t batch = 0) {
  GramAccumulator accumulator(cols, false, 0, true, Precision::fast, anything);
  const MatrixView view = rankme::view_of(z.data(), rows, cols);
  if (batch == 0) batch = rows;
  for (std::int64_t row = 0; row < rows; row += batch) {
    accumulator.update(view.row_range(row, std::min(rows, row + batch)));
  }
  return total(accumulator);
}

// The Frobenius norm of the scatter's error, against sums in long double.
double error_of(const CentredSum& sum, const Matrix& z) {
  const Matrix centred = oracle::centered(z);
  double squares = 0;
  for (std::int64_t i = 0; i < z.cols; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      long double wanted = 0;
      for (std::int64_t r = 0; r < z.rows; ++r) {
        wanted += static_cast<long double>(centred(r, i)) * centred(r, j);
      }
      const double scale = std::ldexp(1.0, 2 * sum.exponent);
      const double off = static_cast<double>(
          sum.scatter[static_cast<std::size_t>(i * z.cols + j)] * scale - wanted);
      squares += (i == j ? 1 : 2) * off * off;
    }
  }
  return std::sqrt(squares);
}

void kernels_agree_with_doubles() {
  constexpr std::int64_t rows = 150;
  constexpr std::int64_t width = rankme::panel_width;
  std::mt19937_64 engine(1);
  std::normal_distribution<float> normal;
  std::vector<float> down(rows * width), across(rows * width);
  for (auto* panel : {&down, &across}) {
    for (float& x : *panel) x = normal(engine);
  }
  const rankme::Chunk chunks[] = {{0, 64, 1}, {64, 37, 4}, {101, 1, 0.25}, {102, 48, 1}};
  for (const auto& [name, kernels] : rankme::kinds_of_float_kernels()) {
    constexpr std::int64_t stride = 40;
    std::vector<double> square(width * stride, 3);
    kernels->add_square(down.data(), across.data(), chunks, 4, square.data(), stride,
                        square.data());
    for (std::int64_t i = 0; i < width; ++i) {
      for (std::int64_t j = 0; j < stride; ++j) {
        double wanted = 3;
        double norm = 0;
        for (const rankme::Chunk& chunk : chunks) {
          for (std::int64_t r = chunk.first; r < chunk.first + chunk.rows && j < width; ++r) {
            const double product = static_cast<double>(down[r * width + i]) * across[r * width + j];
            wanted += chunk.factor * product;
            norm += chunk.factor * std::abs(product);
          }
        }
        CHECK(std::abs(square[i * stride + j] - wanted) <= rankme::float_chain * 0x1p-24 * norm);
      }
    }
  }
}

void errors_are_measured() {
  // Of every remainder: of panels and of chunks.
  for (const std::int64_t cols : {1, 7, 32, 33, 100, 160}) {
    for (const std::int64_t rows : {300, 1003, 3000}) {
      const Matrix z = rounded(oracle::random_matrix(rows, cols, 5, 0.99));
      const CentredSum sum = fast_sum(floats(z), rows, cols);
      CHECK(sum.float_rows == rows && sum.rows == rows);
      const auto probes = rankme::gaussian_probes(cols, 0, sum.probe_sets());
      const rankme::CentredAccuracy accuracy = rankme::measure_accuracy(sum, probes);
      const double error = error_of(sum, z);
      CHECK(error <= accuracy.scatter.delta);
      // It is no worse than short sums are, and the bound is not much wider than the error.
      CHECK(error <= 4e-8 * accuracy.scatter.trace);
      if (cols >= 32)
        CHECK(accuracy.scatter.delta <= 2 * rankme::safety_of(sum.probe_sets()) * error);
    }
  }
}

void columns_agree_with_rows() {
  const Matrix z = rounded(oracle::random_matrix(700, 70, 8));
  const std::vector<float> by_columns = floats(oracle::transpose(z));
  GramAccumulator accumulator(70, false, 0, true, Precision::fast, anything);
  accumulator.update(rankme::view_of(by_columns.data(), 70, 700).transposed());
  CHECK(accumulator.float_rows() == 700);
  CHECK(error_of(total(accumulator), z) <= 4e-8 * 700 * 70);
}

void scales_of_any_size() {
  for (const double scale : {1e-36, 1e-20, 1.0, 1e18, 1e37}) {
    Matrix z = oracle::random_matrix(900, 40, 9);
    for (double& x : z.entries) x *= scale;
    z = rounded(z);
    const CentredSum sum = fast_sum(floats(z), 900, 40, 450);
    CHECK(sum.float_rows == 900);
    CHECK(error_of(sum, z) <= 4e-8 * 900 * 40 * scale * scale);
  }
}

// A first row that is longer than float32 has squares for, beside the others.
void an_outlier_comes_first() {
  Matrix z = oracle::random_matrix(600, 30, 17);
  for (std::int64_t j = 0; j < 30; ++j) z(0, j) *= 1e30;
  z = rounded(z);
  for (const std::int64_t batch : {1, 200}) {
    const CentredSum sum = fast_sum(floats(z), 600, 30, batch);
    const auto probes = rankme::gaussian_probes(30, 0, sum.probe_sets());
    const double delta = rankme::measure_accuracy(sum, probes).scatter.delta;
    CHECK(error_of(sum, z) <= std::ldexp(delta, 2 * sum.exponent));
  }
}

// One column so much smaller than the others that float32 would lose its squares.
void far_apart_columns_are_in_float64() {
  Matrix z = oracle::random_matrix(600, 30, 10);
  for (std::int64_t i = 0; i < 600; ++i) z(i, 3) *= 1e-30;
  z = rounded(z);
  const CentredSum sum = fast_sum(floats(z), 600, 30);
  CHECK(sum.float_rows == 0);
  double wanted = 0;
  const Matrix centred = oracle::centered(z);
  for (std::int64_t i = 0; i < 600; ++i) wanted += centred(i, 3) * centred(i, 3);
  CHECK_CLOSE(sum.scatter[3 * 31], wanted, 1e-13);
}

void doubles_are_in_float64() {
  const Matrix z = oracle::random_matrix(900, 40, 11);
  const MatrixView view = rankme::view_of(z.entries.data(), 900, 40);
  GramAccumulator fast(40, false, 0, true, Precision::fast, anything);
  fast.update(view);
  CHECK(fast.float_rows() == 0);
  GramAccumulator plain(40, false, 0);
  plain.update(view);
  CHECK(total(fast).scatter == total(plain).scatter);
}

// The first rows decide; those that are too few for that are in float64.
void the_first_rows_decide() {
  const std::vector<float> good = floats(oracle::random_matrix(4000, 64, 12));
  const std::vector<float> bad = floats(oracle::random_matrix(4000, 64, 12, 0.7));
  const auto feed = [](const std::vector<float>& z, std::int64_t batch) {
    GramAccumulator accumulator(64, false, 0, true, Precision::fast);
    const MatrixView view = rankme::view_of(z.data(), 4000, 64);
    for (std::int64_t row = 0; row < 4000; row += batch) {
      accumulator.update(view.row_range(row, std::min<std::int64_t>(4000, row + batch)));
    }
    return accumulator.float_rows();
  };
  CHECK(feed(good, 4000) == 4000);
  CHECK(feed(good, 100) == 4000 - 200);  // the third batch completes them, and is at hand
  CHECK(feed(bad, 4000) == 0);
  CHECK(feed(bad, 100) == 0);
}

void a_failed_update_leaves_the_choice() {
  std::vector<float> z = floats(oracle::random_matrix(4000, 64, 12, 0.7));
  std::vector<float> torn = z;
  torn[64 * 3999] = NAN;
  GramAccumulator accumulator(64, false, 0, true, Precision::fast);
  CHECK_THROWS(accumulator.update(rankme::view_of(torn.data(), 4000, 64)), rankme::NonFiniteError,
               "nan");
  CHECK(accumulator.n_rows() == 0);
  const std::vector<float> good = floats(oracle::random_matrix(4000, 64, 12));
  accumulator.update(rankme::view_of(good.data(), 4000, 64));
  CHECK(accumulator.float_rows() == 4000);
  GramAccumulator slow(64, false, 0, true, Precision::fast);  // keeps what it had kept before
  slow.update(rankme::view_of(good.data(), 200, 64));
  CHECK_THROWS(slow.update(rankme::view_of(torn.data(), 4000, 64)), rankme::NonFiniteError, "nan");
  slow.update(rankme::view_of(good.data(), 56, 64));
  CHECK(slow.float_rows() == 56);
}

// Wide enough that sums in float32 carry more probes than others.
void merges_of_both_kinds() {
  constexpr std::int64_t dim = 800;
  const Matrix z = rounded(oracle::random_matrix(1500, dim, 13, 0.999));
  const std::vector<float> entries = floats(z);
  const MatrixView view = rankme::view_of(entries.data(), 1500, dim);
  for (const bool fast_first : {false, true}) {
    const auto precision = [&](bool first) {
      return first == fast_first ? Precision::fast : Precision::float64;
    };
    GramAccumulator a(dim, false, 0, true, precision(true), anything);
    GramAccumulator b(dim, false, 0, true, precision(false), anything);
    a.update(view.row_range(0, 750));
    b.update(view.row_range(750, 1500));
    a.merge(b);
    CHECK(a.float_rows() == 750 && a.n_rows() == 1500);
    const CentredSum sum = total(a);
    const rankme::CentredAccuracy accuracy = rankme::measure_accuracy(sum, a.probes());
    const double error = error_of(sum, z);
    CHECK(error <= accuracy.scatter.delta);
    CHECK(accuracy.scatter.delta <= 10 * error);
    a.update(view.row_range(0, 300));
    CHECK(a.n_rows() == 1800);
    CHECK(total(a).probe_sets() == rankme::float_probe_sets(dim));
  }
}

// The same rows and as many threads: the same bits.
void results_repeat() {
  const std::vector<float> z = floats(oracle::random_matrix(5000, 300, 14));
  const int before = rankme::num_threads();
  for (const int threads : {1, 3}) {
    rankme::set_num_threads(threads);
    CHECK(sums::same_bits(fast_sum(z, 5000, 300), fast_sum(z, 5000, 300)));
  }
  rankme::set_num_threads(before);
}

// Whole sets of rows, saved with one set of probes: what was measured stays a bound.
void what_is_kept_is_bounded() {
  constexpr std::int64_t dim = 800;
  const Matrix z = rounded(oracle::random_matrix(1000, dim, 16, 0.999));
  const std::vector<float> entries = floats(z);
  GramAccumulator accumulator(dim, false, 0, true, Precision::fast, anything);
  accumulator.update(rankme::view_of(entries.data(), 1000, dim));
  std::int64_t n_rows = 0;
  rankme::ShardRows shards;
  const CentredSum kept = accumulator.sum_to_keep(&n_rows, &shards);
  CHECK(kept.probe_sets() == 1 && kept.float_rows == 1000);
  const rankme::CentredAccuracy live =
      rankme::measure_accuracy(total(accumulator), accumulator.probes());
  const rankme::CentredAccuracy saved =
      rankme::measure_accuracy(kept, rankme::gaussian_probes(dim, 0));
  CHECK(error_of(kept, z) <= saved.scatter.delta);
  CHECK_CLOSE(saved.scatter.delta, live.scatter.delta, 1e-3);
  GramAccumulator restored(kept, false, 0, {}, Precision::fast);
  restored.update(rankme::view_of(entries.data(), 300, dim));
  CHECK(restored.float_rows() == 1300);
  CHECK(total(restored).probe_sets() == rankme::float_probe_sets(dim));
}

// A broken sum is found in float32 as well.
void a_fault_is_found() {
  const std::vector<float> z = floats(oracle::random_matrix(2000, 64, 15));
  CentredSum sum = fast_sum(z, 2000, 64);
  const auto probes = rankme::gaussian_probes(64, 0, sum.probe_sets());
  (void)rankme::measure_accuracy(sum, probes);
  sum.scatter[64 * 9 + 4] += 0.05 * 2000;
  CHECK_THROWS(rankme::measure_accuracy(sum, probes), rankme::IntegrityError, "");
}

// Rows that no probe sees, too small to stay beside a large one in float32: the trace knows.
void what_no_probe_sees_is_missed() {
  constexpr std::int64_t dim = 64;
  const auto probes = rankme::gaussian_probes(dim, 0, rankme::float_probe_sets(dim));
  const std::int64_t count = 8 * rankme::float_probe_sets(dim);
  // Orthogonal to all probes, by Gram and Schmidt.
  std::vector<std::vector<double>> basis;
  for (std::int64_t c = 0; c <= count; ++c) {
    std::vector<double> x(dim);
    for (std::int64_t j = 0; j < dim; ++j) {
      x[j] = c < count ? probes[((c / 8) * dim + j) * 8 + c % 8] : (j % 7) - 3.0;
    }
    for (int twice = 0; twice < 2; ++twice) {
      for (const auto& b : basis) {
        double along = 0;
        for (std::int64_t j = 0; j < dim; ++j) along += b[j] * x[j];
        for (std::int64_t j = 0; j < dim; ++j) x[j] -= along * b[j];
      }
    }
    double norm = 0;
    for (const double y : x) norm += y * y;
    for (double& y : x) y /= std::sqrt(norm);
    basis.push_back(x);
  }
  const std::vector<double>& unseen = basis.back();
  Matrix z(2000, dim);
  std::mt19937_64 engine(3);
  std::normal_distribution<double> normal;
  for (std::int64_t i = 0; i < 2000; ++i) {
    const double sign = i % 2 == 0 ? 1 : -1;
    for (std::int64_t j = 0; j < dim; ++j) {
      z(i, j) = i % 64 == 0 ? 4096 * normal(engine) : 0.2 * sign * unseen[j];
    }
  }
  z = rounded(z);
  const CentredSum sum = fast_sum(floats(z), 2000, dim);
  const rankme::CentredAccuracy accuracy = rankme::measure_accuracy(sum, probes);
  CHECK(error_of(sum, z) <= accuracy.scatter.delta);
}

}  // namespace

int main() {
  kernels_agree_with_doubles();
  errors_are_measured();
  columns_agree_with_rows();
  scales_of_any_size();
  an_outlier_comes_first();
  far_apart_columns_are_in_float64();
  doubles_are_in_float64();
  the_first_rows_decide();
  a_failed_update_leaves_the_choice();
  merges_of_both_kinds();
  results_repeat();
  what_is_kept_is_bounded();
  a_fault_is_found();
  what_no_probe_sees_is_missed();
  return check::finish("float_sums");
}
