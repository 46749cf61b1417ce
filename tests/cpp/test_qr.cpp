#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/error.hpp"
#include "rankme/qr.hpp"
#include "rankme/threads.hpp"

namespace {

using oracle::Matrix;
using rankme::MatrixView;
using rankme::QrAccumulator;
using rankme::QrFactor;

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

// Of [1 Z], or of Z.
QrFactor factor_of(const QrAccumulator& accumulator) {
  std::int64_t n_rows = 0;
  QrFactor factor = accumulator.total(&n_rows);
  factor.move_origin(std::vector<double>(factor.origin.size()));
  return factor;
}

// R^T R = [1 Z]^T [1 Z], whatever the signs of R's rows.
void check_factor(const QrFactor& factor, const Matrix& z) {
  const std::int64_t n = factor.order();
  const auto entry = [&](std::int64_t row, std::int64_t col) {
    if (factor.with_ones) return col == 0 ? 1.0 : z(row, col - 1);
    return z(row, col);
  };
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      double got = 0, wanted = 0;
      for (std::int64_t k = 0; k <= std::min(i, j); ++k) {
        got += factor.r[static_cast<std::size_t>(i * n + k)] *
               factor.r[static_cast<std::size_t>(j * n + k)];
      }
      for (std::int64_t row = 0; row < z.rows; ++row) wanted += entry(row, i) * entry(row, j);
      CHECK(std::abs(got - wanted) < 1e-12 * static_cast<double>(z.rows));
    }
  }
}

void factors_any_chunks() {
  const Matrix z = oracle::random_matrix(700, 23, 41);
  for (const std::int64_t step : {1, 10, 700}) {
    for (const auto means : {rankme::Means::kept, rankme::Means::none}) {
      QrAccumulator accumulator(23, false, means);
      for (std::int64_t row = 0; row < 700; row += step) {
        accumulator.update(view(z).row_range(row, std::min<std::int64_t>(700, row + step)));
      }
      check_factor(factor_of(accumulator), z);
      CHECK(accumulator.n_rows() == 700);
    }
  }
}

void merges_like_sums() {
  const Matrix z = oracle::random_matrix(100, 9, 42);
  QrAccumulator left(9, false, rankme::Means::kept);
  QrAccumulator right(9, false, rankme::Means::kept);
  left.update(view(z).row_range(0, 4));
  right.update(view(z).row_range(4, 100));
  left.merge(right);
  check_factor(factor_of(left), z);
  CHECK(left.n_rows() == 100);
  left.reset();
  left.merge(right);
  check_factor(factor_of(left), [&] {
    Matrix part(96, 9);
    for (std::int64_t i = 0; i < 96; ++i) {
      for (std::int64_t j = 0; j < 9; ++j) part(i, j) = z(i + 4, j);
    }
    return part;
  }());
  right.merge(right);
  CHECK(right.n_rows() == 192);
}

// With rows enough a thread has a factor of its own; where those do not fit or do not pay threads
// share the columns of one.
void any_number_of_threads_agrees() {
  for (const auto& [rows, cols] : {std::pair{3000, 60}, {700, 60}, {2700, 520}, {300, 600}}) {
    const Matrix z = oracle::random_matrix(rows, cols, 45);
    std::vector<double> wanted;
    double alone = 0;
    for (const int threads : {1, 2, 3, 7}) {
      rankme::set_num_threads(threads);
      QrAccumulator accumulator(cols, false, rankme::Means::kept);
      for (const auto& [begin, end] : {std::pair{0, 1}, {1, 290}, {290, rows}}) {
        accumulator.update(view(z).row_range(begin, end));
      }
      std::int64_t n_rows = 0;
      const QrFactor factor = accumulator.total(&n_rows);
      CHECK(n_rows == rows);
      CHECK(accumulator.total(&n_rows).r == factor.r);
      CHECK(factor.origin.back() == z(0, cols - 1));
      const double error = factor.error(rows);
      const std::vector<double> values = rankme::singular_values(factor, false);
      QrAccumulator again(cols, false, rankme::Means::kept);
      for (const auto& [begin, end] : {std::pair{0, 1}, {1, 290}, {290, rows}}) {
        again.update(view(z).row_range(begin, end));
      }
      CHECK(std::move(again).take().r == factor.r);
      if (threads == 1) {
        wanted = values;
        alone = error;
      }
      for (std::size_t k = 0; k < values.size(); ++k) {
        CHECK(std::abs(values[k] - wanted[k]) <= error + alone);
      }
      // What merging adds is little.
      CHECK(error > 0.5 * alone && error < 1.5 * alone);
      // The factor goes on, with any number of threads.
      rankme::set_num_threads(2);
      accumulator.update(view(z));
      QrAccumulator doubled(cols, false, rankme::Means::kept);
      doubled.merge(accumulator);
      CHECK(doubled.n_rows() == 2 * rows);
      const std::vector<double> longer = rankme::singular_values(doubled.total(&n_rows), false);
      for (std::size_t k = 0; k < values.size(); ++k) {
        CHECK(std::abs(longer[k] - std::sqrt(2.0) * wanted[k]) <= 4 * (error + alone));
      }
      accumulator.reset();
      accumulator.update(view(z).row_range(0, 1));
      CHECK(accumulator.n_rows() == 1);
      const std::vector<double> one = rankme::singular_values(accumulator.total(&n_rows), false);
      CHECK(std::abs(one[1]) <= 1e-12);
    }
  }
  rankme::set_num_threads(2);
}

// The factor of several ranges is no older than the longest of them, but for the merges.
void ranges_do_not_add_up() {
  const Matrix z = oracle::random_matrix(80'000, 130, 46);
  std::vector<std::int64_t> blocks;
  for (const int threads : {1, 2, 4}) {
    rankme::set_num_threads(threads);
    QrAccumulator accumulator(130, false, rankme::Means::none);
    CHECK(accumulator.consume(view(z), nullptr, false));
    blocks.push_back(std::move(accumulator).take().blocks);
  }
  CHECK(blocks[0] == 20);
  CHECK(blocks[1] == 20 + 1 && blocks[2] == 20 + 3);
  rankme::set_num_threads(2);
}

// Rows that are all alike round in one direction, in each range and again where ranges meet.
void equal_rows_stay_inside_the_error() {
  constexpr std::int64_t rows = 60'000;
  constexpr std::int64_t cols = 90;
  Matrix z(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) z(i, j) = 1 / (3.0 + static_cast<double>(j));
  }
  double squares = 0;
  for (std::int64_t j = 0; j < cols; ++j) squares += z(0, j) * z(0, j);
  for (const int threads : {1, 2, 8}) {
    rankme::set_num_threads(threads);
    QrAccumulator accumulator(cols, false, rankme::Means::none);
    CHECK(accumulator.consume(view(z), nullptr, false));
    QrFactor factor = std::move(accumulator).take();
    const double error = factor.error(rows);
    const std::vector<double> values = rankme::singular_values(std::move(factor), false);
    CHECK(std::abs(values[0] - std::sqrt(rows * squares)) <= error);
    CHECK(values[1] <= error);
    CHECK(error < 1e-12 * values[0]);
  }
  rankme::set_num_threads(2);
}

// Singular values from 1 to 1e-14: where the square of the last is below one rounding of the first.
void sees_the_tail() {
  constexpr std::int64_t order = 15;
  Matrix z = oracle::random_matrix(400, order, 43);
  // Columns made orthonormal by two rounds of Gram and Schmidt, then scaled.
  for (int round = 0; round < 2; ++round) {
    for (std::int64_t j = 0; j < order; ++j) {
      for (std::int64_t k = 0; k < j; ++k) {
        double dot = 0;
        for (std::int64_t i = 0; i < 400; ++i) dot += z(i, j) * z(i, k);
        for (std::int64_t i = 0; i < 400; ++i) z(i, j) -= dot * z(i, k);
      }
      double squares = 0;
      for (std::int64_t i = 0; i < 400; ++i) squares += z(i, j) * z(i, j);
      for (std::int64_t i = 0; i < 400; ++i) z(i, j) /= std::sqrt(squares);
    }
  }
  for (std::int64_t i = 0; i < 400; ++i) {
    for (std::int64_t j = 0; j < order; ++j) z(i, j) *= std::pow(10, -static_cast<double>(j));
  }
  QrAccumulator accumulator(order, false, rankme::Means::kept);
  accumulator.update(view(z));
  QrFactor factor = factor_of(accumulator);
  const double error = factor.error(z.rows);
  CHECK(error < 1e-13);
  const std::vector<double> values = rankme::singular_values(std::move(factor), false);
  for (std::int64_t k = 0; k < order; ++k) {
    const double wanted = std::pow(10, -static_cast<double>(k));
    CHECK(std::abs(values[static_cast<std::size_t>(k)] - wanted) < 1e-15);
  }
}

void bad_input_changes_nothing() {
  const Matrix z = oracle::random_matrix(50, 6, 44);
  QrAccumulator accumulator(6, false, rankme::Means::kept);
  accumulator.update(view(z));
  const std::vector<double> before = factor_of(accumulator).r;
  Matrix bad = z;
  bad(49, 5) = std::nan("");
  CHECK_THROWS(accumulator.update(view(bad)), rankme::NonFiniteError, "Z[49, 5] is nan");
  bad(49, 5) = 1e302;
  CHECK_THROWS(accumulator.update(view(bad)), std::invalid_argument, "too large");
  CHECK_THROWS(accumulator.update(view(oracle::transpose(z))), std::invalid_argument, "dim 6");
  CHECK_THROWS(accumulator.merge(QrAccumulator(5, false, rankme::Means::kept)),
               std::invalid_argument, "dim 5");
  CHECK_THROWS(accumulator.merge(QrAccumulator(6, true, rankme::Means::kept)),
               std::invalid_argument, "normalizes");
  CHECK(factor_of(accumulator).r == before);
  const std::vector<double> packed = factor_of(accumulator).packed();
  QrFactor back(6, true);
  back.unpack(packed.data());
  CHECK(back.r == before);
}

}  // namespace

int main() {
  factors_any_chunks();
  merges_like_sums();
  any_number_of_threads_agrees();
  ranges_do_not_add_up();
  equal_rows_stay_inside_the_error();
  sees_the_tail();
  bad_input_changes_nothing();
  return check::finish("qr");
}
