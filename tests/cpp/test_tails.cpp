#include <cmath>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/batch.hpp"
#include "rankme/entropy.hpp"
#include "rankme/spectrum.hpp"
#include "rankme/threads.hpp"

namespace {

using oracle::Matrix;
using rankme::Method;
using rankme::SingularValues;

rankme::MatrixView view(const Matrix& z) {
  return rankme::view_of(z.entries.data(), z.rows, z.cols);
}

// Integers of a rank, so that what is beyond it is exactly zero.
Matrix of_rank(std::int64_t rows, std::int64_t cols, std::int64_t rank, unsigned seed) {
  const Matrix left = oracle::random_matrix(rows, rank, seed);
  const Matrix right = oracle::random_matrix(rank, cols, seed + 1000);
  Matrix z(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      for (std::int64_t l = 0; l < rank; ++l) {
        z(i, j) += std::round(100 * left(i, l)) * std::round(100 * right(l, j));
      }
    }
  }
  return z;
}

void check_values(const SingularValues& got, const std::vector<double>& wanted, double tolerance) {
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const auto scaled = [&](double x) { return std::ldexp(x, got.exponent); };
    const double slack = 1e-14 * wanted[0];  // the oracle's own
    CHECK(scaled(got.low[k]) <= wanted[k] + slack && wanted[k] <= scaled(got.high[k]) + slack);
    CHECK(got.low[k] <= got.scaled[k] && got.scaled[k] <= got.high[k]);
    CHECK(std::abs(scaled(got.scaled[k]) - wanted[k]) <= tolerance * wanted[0]);
    CHECK(k == 0 || got.scaled[k] <= got.scaled[k - 1]);
  }
}

void what_is_not_there_comes_out_as_nearly_zero() {
  unsigned seed = 1;
  for (const auto& [rows, cols] : {std::pair{40, 12}, {12, 40}, {30, 30}, {300, 160}}) {
    for (const std::int64_t rank : {1, 3, 11}) {
      const Matrix z = of_rank(rows, cols, rank, seed++);
      std::vector<double> wanted = oracle::singular_values(z);
      std::fill(wanted.begin() + rank, wanted.end(), 0.0);
      const SingularValues one = rankme::singular_values(view(z), false, false, Method::gram);
      check_values(one, wanted, 1e-13);
      CHECK_CLOSE(rankme::rankme(one.scaled, 0), rankme::rankme(wanted, 0), 1e-12);
      const std::vector<rankme::MatrixView> views{view(z)};
      const rankme::BatchSpectra batch = rankme::singular_values(views, false, false, Method::gram);
      check_values({batch.scaled, batch.low, batch.high, batch.exponents[0], {}}, wanted, 1e-13);
    }
  }
}

// Tails in tails: every level of products has to find its own.
void values_without_a_gap_are_found() {
  for (const double decay : {0.5, 0.1, 0.003}) {
    Matrix z = oracle::random_matrix(50, 24, 90, decay);
    for (const bool turned : {false, true}) {
      const Matrix one = turned ? oracle::transpose(z) : z;
      const std::vector<double> wanted = oracle::singular_values(one);
      check_values(rankme::singular_values(view(one), false, false, Method::gram), wanted, 1e-10);
    }
  }
}

void large_tails_by_one_and_by_two_threads() {
  const Matrix z = of_rank(700, 520, 2, 95);
  for (const int threads : {1, 2}) {
    rankme::set_num_threads(threads);
    const SingularValues got = rankme::singular_values(view(z), false, false, Method::gram);
    CHECK(got.scaled[2] <= 1e-14 * got.scaled[0]);
    CHECK(got.high[2] <= 1e-10 * got.scaled[0]);
  }
}

}  // namespace

int main() {
  what_is_not_there_comes_out_as_nearly_zero();
  values_without_a_gap_are_found();
  large_tails_by_one_and_by_two_threads();
  return check::finish("tails");
}
