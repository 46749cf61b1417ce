#include <thread>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/error.hpp"
#include "rankme/gram.hpp"
#include "rankme/measure.hpp"
#include "rankme/threads.hpp"
#include "sums.hpp"

namespace {

using oracle::Matrix;
using rankme::CentredSum;
using rankme::GramAccumulator;
using rankme::MatrixView;

MatrixView view(const Matrix& z) { return rankme::view_of(z.entries.data(), z.rows, z.cols); }

std::vector<double> gram_of(const GramAccumulator& accumulator) {
  std::int64_t n_rows = 0;
  return sums::dense(accumulator.total(&n_rows));
}

// Entries against the sum of products, relative to what Cauchy and Schwarz allow.
void check_gram(const GramAccumulator& accumulator, const Matrix& z, double tolerance) {
  const std::vector<double> got = gram_of(accumulator);
  double worst = 0;
  for (std::int64_t i = 0; i < z.cols; ++i) {
    for (std::int64_t j = 0; j < z.cols; ++j) {
      long double wanted = 0, a = 0, b = 0;
      for (std::int64_t r = 0; r < z.rows; ++r) {
        wanted += static_cast<long double>(z(r, i)) * z(r, j);
        a += static_cast<long double>(z(r, i)) * z(r, i);
        b += static_cast<long double>(z(r, j)) * z(r, j);
      }
      const double entry = got[static_cast<std::size_t>(i * z.cols + j)];
      worst = std::max(worst, static_cast<double>(std::abs(entry - wanted) / std::sqrt(a * b)));
    }
  }
  CHECK(worst <= tolerance);
  CHECK(accumulator.n_rows() == z.rows);
}

void sums_products() {
  for (const std::int64_t cols : {1, 7, 33, 130}) {
    const Matrix z = oracle::random_matrix(700, cols, 3);
    GramAccumulator accumulator(cols, false, 0);
    accumulator.update(view(z));
    check_gram(accumulator, z, 1e-14);
    GramAccumulator from_columns(cols, false, 0);
    const Matrix t = oracle::transpose(z);
    from_columns.update(view(t).transposed());
    check_gram(from_columns, z, 1e-14);
  }
}

void means_are_kept() {
  const Matrix z = oracle::random_matrix(1000, 20, 4);
  GramAccumulator accumulator(20, false, 0);
  accumulator.update(view(z));
  std::int64_t n_rows = 0;
  const CentredSum sum = accumulator.total(&n_rows);
  for (std::int64_t j = 0; j < 20; ++j) {
    double wanted = 0;
    for (std::int64_t i = 0; i < 1000; ++i) wanted += z(i, j);
    CHECK(std::abs(1000 * sum.mean(j) - wanted) < 1e-11);
  }
}

// Whoever looks at a stream, and when, leaves no trace in it.
void a_look_changes_nothing() {
  const Matrix z = oracle::random_matrix(9000, 90, 13);
  GramAccumulator seen(90, false, 0), alone(90, false, 0);
  rankme::set_num_threads(3);
  for (std::int64_t row = 0; row < 9000; row += 3000) {
    for (GramAccumulator* each : {&seen, &alone}) each->update(view(z).row_range(row, row + 3000));
    (void)gram_of(seen);
  }
  rankme::set_num_threads(2);
  std::int64_t n_rows = 0;
  CHECK(sums::same_bits(seen.total(&n_rows), alone.total(&n_rows)));
}

void rows_are_normalized() {
  Matrix z = oracle::random_matrix(300, 12, 5);
  for (std::int64_t j = 0; j < 12; ++j) z(7, j) = 0;
  for (std::int64_t j = 0; j < 12; ++j) z(8, j) *= 1e250;
  for (std::int64_t j = 0; j < 12; ++j) z(9, j) *= 1e-250;
  GramAccumulator accumulator(12, true, 0);
  accumulator.update(view(z));
  for (std::int64_t j = 0; j < 12; ++j) z(8, j) /= 1e250;
  for (std::int64_t j = 0; j < 12; ++j) z(9, j) /= 1e-250;
  check_gram(accumulator, oracle::normalized(z), 1e-13);
}

void both_ways_to_use_threads_agree() {
  const int before = rankme::num_threads();
  const Matrix z = oracle::random_matrix(900, 600, 6);
  rankme::set_num_threads(1);
  GramAccumulator one(600, false, 0);
  one.update(view(z));
  const std::vector<double> wanted = gram_of(one);
  // Many more threads than copies of a matrix of this order are affordable: BLAS splits it.
  for (const int threads : {2, 5, 64}) {
    rankme::set_num_threads(threads);
    GramAccumulator many(600, false, 0);
    many.update(view(z));
    const std::vector<double> got = gram_of(many);
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      worst = std::max(worst, std::abs(got[i] - wanted[i]));
    }
    CHECK(worst < 900 * 1e-15 * 900);
    CHECK(rankme::num_threads() == threads);
  }
  rankme::set_num_threads(before);
}

void bad_input_changes_nothing() {
  const Matrix z = oracle::random_matrix(500, 10, 7);
  GramAccumulator accumulator(10, false, 0);
  accumulator.update(view(z));
  const std::vector<double> before = gram_of(accumulator);
  Matrix bad = z;
  bad(499, 9) = std::nan("");
  CHECK_THROWS(accumulator.update(view(bad)), rankme::NonFiniteError, "Z[499, 9] is nan");
  CHECK_THROWS(accumulator.update(view(oracle::transpose(z))), std::invalid_argument,
               "Z has 500 columns, the accumulator has dim 10");
  CHECK_THROWS(accumulator.merge(GramAccumulator(11, false, 0)), std::invalid_argument, "dim 11");
  CHECK_THROWS(accumulator.merge(GramAccumulator(10, true, 0)), std::invalid_argument,
               "normalizes");
  CHECK(gram_of(accumulator) == before);
  CHECK(accumulator.n_rows() == 500);
  CHECK_THROWS(accumulator.merge(GramAccumulator(10, false, 1)), std::invalid_argument, "seed 1");
  CHECK_THROWS(GramAccumulator(0, false, 0), std::invalid_argument, "dim");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK_THROWS(GramAccumulator(2000000000, false, 0), rankme::OutOfMemory, "2000000000");
#endif
}

// Narrow rows in great number are summed aside and checked on the way.
void a_bad_row_among_many_changes_nothing() {
  Matrix z = oracle::random_matrix(5000, 3, 12);
  GramAccumulator accumulator(3, false, 0);
  accumulator.update(view(z));
  accumulator.update(view(z));
  const std::vector<double> before = gram_of(accumulator);
  z(4321, 2) = std::nan("");
  CHECK_THROWS(accumulator.update(view(z)), rankme::NonFiniteError, "Z[4321, 2] is nan");
  CHECK(gram_of(accumulator) == before);
  CHECK(accumulator.n_rows() == 10000);
  std::int64_t n_rows = 0;
  (void)rankme::measure_accuracy(accumulator.total(&n_rows), accumulator.probes());
}

void merging_is_adding() {
  const Matrix z = oracle::random_matrix(600, 25, 8);
  GramAccumulator whole(25, false, 0);
  whole.update(view(z));
  GramAccumulator left(25, false, 0), right(25, false, 0), empty(25, false, 0);
  left.update(view(z).row_range(0, 211));
  right.update(view(z).row_range(211, 600));
  left.merge(right);
  left.merge(empty);
  check_gram(left, z, 1e-14);
  right.merge(right);
  CHECK(right.n_rows() == 2 * 389);
  left.reset();
  CHECK(left.n_rows() == 0);
  for (const double g : gram_of(left)) CHECK(g == 0);
}

// Powers of two change exponents alone, so the scaled sums must be equal to the last bit.
void squares_never_leave_the_range() {
  const Matrix z = oracle::random_matrix(400, 9, 9);
  const auto fill = [&](GramAccumulator& accumulator, std::vector<int> exponents) {
    for (std::size_t part = 0; part < exponents.size(); ++part) {
      Matrix scaled = z;
      for (double& x : scaled.entries) x = std::ldexp(x, exponents[part]);
      accumulator.update(view(scaled));
    }
  };
  // The furthest from Z^T Z * 2^(2 exponent), on the scale of the former.
  const auto distance = [&](const CentredSum& sum, const std::vector<double>& wanted,
                            int exponent) {
    const rankme::GramSum gram = sum.uncentred(nullptr);
    const int shift = 2 * (gram.exponent - exponent);
    double worst = 0;
    for (std::int64_t i = 0; i < 9; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        const auto at = static_cast<std::size_t>(i * 9 + j);
        worst = std::max(worst, std::abs(std::ldexp(gram.gram[at], shift) - wanted[at]));
      }
    }
    return worst;
  };
  GramAccumulator plain(9, false, 0);
  fill(plain, {0});
  std::int64_t n_rows = 0;
  const std::vector<double> wanted = gram_of(plain);
  for (const int exponent : {-1000, -700, 700, 1000}) {
    GramAccumulator accumulator(9, false, 0);
    fill(accumulator, {exponent});
    CHECK(distance(accumulator.total(&n_rows), wanted, exponent) == 0);
    // What is 2^700 times smaller does not show but in the mean, whichever comes first.
    for (const auto& order :
         {std::vector<int>{exponent, exponent - 700}, std::vector<int>{exponent - 700, exponent}}) {
      if (exponent - 700 < -1000) continue;
      GramAccumulator mixed(9, false, 0), first(9, false, 0), second(9, false, 0);
      fill(mixed, order);
      fill(first, {order[0]});
      fill(second, {order[1]});
      first.merge(second);
      for (const GramAccumulator* each : {&mixed, &first}) {
        const CentredSum both = each->total(&n_rows);
        CHECK(n_rows == 800);
        CHECK(distance(both, wanted, exponent) <= 1e-13 * wanted[0]);
        // The probes kept pace with every change of scale.
        (void)rankme::measure_accuracy(both, each->probes());
      }
    }
  }
  GramAccumulator huge(9, false, 0);
  fill(huge, {1000});
  CHECK_THROWS(gram_of(huge), std::overflow_error, "too large for float64");
}

void packing_keeps_every_bit() {
  const Matrix z = oracle::random_matrix(50, 6, 10);
  GramAccumulator accumulator(6, false, 0);
  accumulator.update(view(z));
  std::int64_t n_rows = 0;
  const CentredSum sum = accumulator.total(&n_rows);
  const std::vector<double> packed = sum.packed();
  CHECK(packed.size() == 21);
  CentredSum copy(6);
  copy.rows = n_rows;
  copy.origin = sum.origin;
  copy.offset = sum.offset;
  copy.unpack(packed.data());
  const GramAccumulator back(std::move(copy), false, 0);
  CHECK(gram_of(back) == gram_of(accumulator));
  CHECK(back.n_rows() == 50);
}

void threads_share_one_accumulator() {
  const Matrix z = oracle::random_matrix(4000, 40, 11);
  GramAccumulator shared(40, false, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t row = t * 1000; row < (t + 1) * 1000; row += 125) {
        shared.update(view(z).row_range(row, row + 125));
        (void)gram_of(shared);
      }
    });
  }
  GramAccumulator other(40, false, 0);
  for (int i = 0; i < 8; ++i) other.merge(shared);
  for (std::thread& thread : threads) thread.join();
  check_gram(shared, z, 1e-14);
}

}  // namespace

int main() {
  sums_products();
  means_are_kept();
  a_look_changes_nothing();
  rows_are_normalized();
  both_ways_to_use_threads_agree();
  bad_input_changes_nothing();
  a_bad_row_among_many_changes_nothing();
  merging_is_adding();
  squares_never_leave_the_range();
  packing_keeps_every_bit();
  threads_share_one_accumulator();
  return check::finish("gram");
}
