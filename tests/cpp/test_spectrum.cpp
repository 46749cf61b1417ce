#include <limits>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/eigen.hpp"
#include "rankme/error.hpp"
#include "rankme/spectrum.hpp"

namespace {

using oracle::Matrix;
using rankme::MatrixView;
using rankme::Method;
using rankme::SingularValues;

constexpr Method methods[] = {Method::gram, Method::qr};

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

// A Gram matrix is off by a few eps sigma_1^2 in every sigma^2, a QR factor by a few eps sigma_1 in
// every sigma; and the exact value lies in the interval, which is not much wider than that.
void check_values(const SingularValues& got, const std::vector<double>& wanted, Method method) {
  CHECK(got.scaled.size() == wanted.size());
  const double scale = wanted[0] * wanted[0];
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const double sigma = std::ldexp(got.scaled[k], got.exponent);
    const double low = std::ldexp(got.low[k], got.exponent);
    const double high = std::ldexp(got.high[k], got.exponent);
    if (method == Method::gram) {
      CHECK(std::abs(sigma * sigma - wanted[k] * wanted[k]) <= 1e-13 * scale);
      CHECK(high * high - low * low <= 1e-12 * scale);
    } else {
      CHECK(std::abs(sigma - wanted[k]) <= 1e-14 * wanted[0]);
      CHECK(high - low <= 1e-12 * wanted[0]);
    }
    // The oracle is off by a rounding or two of its own.
    CHECK(low <= wanted[k] + 1e-15 * wanted[0] && wanted[k] <= high + 1e-15 * wanted[0]);
    CHECK(low <= sigma && sigma <= high);
    CHECK(k == 0 || (got.scaled[k] <= got.scaled[k - 1] && got.low[k] <= got.low[k - 1] &&
                     got.high[k] <= got.high[k - 1]));
  }
}

void agrees_with_jacobi(Method method) {
  for (const auto& [rows, cols] : {std::pair{200, 30}, {30, 200}, {40, 40}, {1, 9}, {9, 1}}) {
    const Matrix z = oracle::random_matrix(rows, cols, 21, 0.9);
    const MatrixView v = view(z);
    const auto check = [&](bool center, bool normalize, const Matrix& prepared) {
      check_values(rankme::singular_values(v, center, normalize, method),
                   oracle::singular_values(prepared), method);
    };
    check(false, false, z);
    check(false, true, oracle::normalized(z));
    if (rows > 1) {
      check(true, false, oracle::centered(z));
      check(true, true, oracle::centered(oracle::normalized(z)));
    }
    // The same matrix, read along the other axis.
    const Matrix t = oracle::transpose(z);
    check_values(rankme::singular_values(view(t).transposed(), false, true, method),
                 oracle::singular_values(oracle::normalized(z)), method);
  }
}

template <class Accumulator>
void streaming_agrees_with_one_shot(Accumulator& accumulator, Accumulator& other, Method method) {
  const Matrix z = oracle::random_matrix(20, 50, 22);
  for (std::int64_t row = 0; row < 20; row += 3) {
    (row < 10 ? accumulator : other)
        .update(view(z).row_range(row, std::min<std::int64_t>(20, row + 3)));
  }
  accumulator.merge(other);
  std::int64_t n_rows = 0;
  // 20 values and not 50: the Gram matrix of few rows has eigenvalues that are none of Z.
  check_values(rankme::singular_values(accumulator, false, &n_rows), oracle::singular_values(z),
               method);
  CHECK(n_rows == 20);
  check_values(rankme::singular_values(accumulator, true, &n_rows),
               oracle::singular_values(oracle::centered(z)), method);
  accumulator.reset();
  CHECK_THROWS(rankme::singular_values(accumulator, false, &n_rows), std::invalid_argument,
               "no rows yet");
}

void dead_dimensions_are_zero(Method method) {
  Matrix z = oracle::random_matrix(100, 8, 23);
  for (std::int64_t i = 0; i < 100; ++i) z(i, 0) = z(i, 5) = 0;
  const SingularValues got = rankme::singular_values(view(z), false, false, method);
  check_values(got, oracle::singular_values(z), method);
  // Exactly, where the Gram matrix shows them.
  if (method == Method::gram) CHECK(got.scaled[5] > 1 && got.high[6] == 0 && got.high[7] == 0);
  const Matrix zeros(5, 3);
  for (const double s : rankme::singular_values(view(zeros), true, true, method).high) {
    CHECK(s == 0);
  }
}

void centring_takes_one_direction(Method method) {
  const Matrix z = oracle::random_matrix(1, 6, 24);
  for (const double s : rankme::singular_values(view(z), true, false, method).high) CHECK(s == 0);
  // Three rows less their mean lie in a plane, whichever side the factor is of.
  for (const std::int64_t cols : {3, 6}) {
    const Matrix three = oracle::random_matrix(3, cols, 27);
    const SingularValues got = rankme::singular_values(view(three), true, false, method);
    CHECK(got.low[1] > 0.1 && got.high[2] == 0);
  }
}

void a_dominant_mean_cancels_nothing(Method method) {
  for (const auto& [rows, cols] : {std::pair{300, 10}, {10, 300}}) {
    for (const bool normalize : {false, true}) {
      Matrix z = oracle::random_matrix(rows, cols, 28);
      for (double& x : z.entries) x = std::ldexp(std::round(x * 1024), -10) + 0x1p20;
      const SingularValues got = rankme::singular_values(view(z), true, normalize, method);
      const std::vector<double> wanted =
          oracle::singular_values(oracle::centered(normalize ? oracle::normalized(z) : z));
      for (std::size_t k = 0; k + 1 < wanted.size(); ++k) {
        const double rounding = 1e-15 * (normalize ? 1 : 0x1p20) * std::sqrt(3000);
        CHECK(got.low[k] <= wanted[k] + rounding && wanted[k] - rounding <= got.high[k]);
        // The sum itself keeps every digit; what is left is the rounding of the rows' own entries.
        CHECK(std::abs(got.scaled[k] - wanted[k]) <= 10 * rounding);
      }
    }
  }
}

void identical_rows_have_no_spread() {
  for (const auto& [rows, cols] : {std::pair{500, 10}, {10, 500}}) {
    Matrix z(rows, cols);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) z(i, j) = 1.0 / (3 + static_cast<double>(j));
    }
    for (const bool normalize : {false, true}) {
      const SingularValues got = rankme::singular_values(view(z), true, normalize, Method::gram);
      for (const double s : got.scaled) CHECK(s == 0);
    }
  }
}

// What centring cancels to nothing is rounding, not an exact zero.
void cancelled_diagonals_stay_uncertain() {
  const std::vector<double> z = {1, 1e8 + 1, 1, 1e8};
  rankme::GramAccumulator accumulator(2, false, 0);
  accumulator.update(rankme::view_of(z.data(), 2, 2));
  std::int64_t n_rows = 0;
  const SingularValues got = rankme::singular_values(accumulator, true, &n_rows);
  CHECK(got.low[0] <= std::sqrt(0.5) && std::sqrt(0.5) <= got.high[0]);
  // The same seen from the rows, by QR: the error is relative to the rows before they were centred.
  const std::vector<double> rows = {0.1, 0.3, 0.7, 0.1, 0.3, 0.7};
  const SingularValues flat =
      rankme::singular_values(rankme::view_of(rows.data(), 2, 3), true, false, Method::qr);
  CHECK(flat.low[0] == 0);
}

void the_measures_of_accuracy_stay_in_range() {
  for (const double scale : {1e-90, 1e-85, 1e78, 1e90}) {
    const std::vector<double> z = {scale, 0, 0, 0.5 * scale};
    const SingularValues got =
        rankme::singular_values(rankme::view_of(z.data(), 2, 2), true, false, Method::gram);
    CHECK(got.high[0] > 0 && got.high[0] - got.low[0] < 1e-12 * got.high[0]);
  }
}

void every_range_has_a_spectrum(Method method) {
  for (const auto& [rows, cols] : {std::pair{60, 7}, {7, 60}}) {
    const Matrix z = oracle::random_matrix(rows, cols, 25);
    const std::vector<double> wanted = oracle::singular_values(z);
    for (const int exponent : {-1000, -600, 600, 990}) {
      Matrix scaled = z;
      for (double& x : scaled.entries) x = std::ldexp(x, exponent);
      const SingularValues got = rankme::singular_values(view(scaled), false, false, method);
      for (std::size_t k = 0; k < wanted.size(); ++k) {
        CHECK_CLOSE(std::ldexp(got.scaled[k], got.exponent - exponent), wanted[k], 1e-13);
      }
    }
  }
}

void bad_input_is_named(Method method) {
  for (const auto& [rows, cols] : {std::pair{60, 7}, {7, 60}}) {
    Matrix z = oracle::random_matrix(rows, cols, 26);
    z(5, 3) = -std::numeric_limits<double>::infinity();
    z(6, 2) = std::nan("");
    for (const bool normalize : {false, true}) {
      for (const bool center : {false, true}) {
        CHECK_THROWS(rankme::singular_values(view(z), center, normalize, method),
                     rankme::NonFiniteError, "Z[5, 3] is -inf");
      }
    }
  }
  const Matrix none(0, 4);
  CHECK_THROWS(rankme::singular_values(view(none), false, false, method), std::invalid_argument,
               "empty");
}

void failures_are_told() {
  const std::vector<double> a = {1, 0, 0, std::nan(""), 1, 0, 0, std::nan(""), 1};
  CHECK_THROWS(rankme::symmetric_eigenvalues(a.data(), 3), std::invalid_argument, "order 3");
  CHECK_THROWS(rankme::tridiagonal(a.data(), 3, {0, 0, 0}), std::invalid_argument, "not finite");
  // NaN makes the QL iteration give up: the one failure of LAPACK's that can be provoked.
  const rankme::Tridiagonal t{{1, std::nan(""), 1}, {1, 1}, 0};
  CHECK_THROWS(rankme::eigenvalues(t), rankme::LapackError, "dsterf");
}

}  // namespace

int main() {
  for (const Method method : methods) {
    agrees_with_jacobi(method);
    dead_dimensions_are_zero(method);
    centring_takes_one_direction(method);
    a_dominant_mean_cancels_nothing(method);
    every_range_has_a_spectrum(method);
    bad_input_is_named(method);
  }
  identical_rows_have_no_spread();
  cancelled_diagonals_stay_uncertain();
  the_measures_of_accuracy_stay_in_range();
  rankme::GramAccumulator gram(50, false, 0), more_gram(50, false, 0);
  streaming_agrees_with_one_shot(gram, more_gram, Method::gram);
  rankme::QrAccumulator qr(50, false, rankme::Means::kept);
  rankme::QrAccumulator more_qr(50, false, rankme::Means::kept);
  streaming_agrees_with_one_shot(qr, more_qr, Method::qr);
  failures_are_told();
  return check::finish("spectrum");
}
