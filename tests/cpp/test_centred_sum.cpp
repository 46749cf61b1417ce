// Scatter about the mean: added up and merged, against long doubles.
#include <cmath>
#include <utility>
#include <vector>

#include "check.hpp"
#include "exact.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/gram.hpp"
#include "rankme/measure.hpp"
#include "rankme/probe.hpp"
#include "rankme/row_adder.hpp"
#include "sums.hpp"

namespace {

using exact::merged;
using exact::sum_of;
using exact::view;
using oracle::Matrix;
using rankme::CentredSum;
using rankme::MatrixView;

// The sum is right, the probes find nothing wrong with it, and what they say holds.
void check_sum(const CentredSum& sum, const exact::Sum& wanted, const Matrix& z,
               const std::vector<double>& probes, double tolerance) {
  CHECK(sum.rows == z.rows);
  const rankme::CentredAccuracy accuracy = rankme::measure_accuracy(sum, probes);
  const long double unit = std::ldexp(1.0L, 2 * sum.exponent);
  CHECK(wanted.distance(sum) <= tolerance * wanted.trace);
  // Entries of the differences round once more, by the norm of the rows (block_centring_error).
  const long double rounding =
      4 * rankme::unit_roundoff * std::sqrt(static_cast<long double>(z.rows)) * wanted.trace;
  CHECK(wanted.distance(sum) <= accuracy.scatter.delta * unit + rounding);
  const long double root = std::sqrt(static_cast<long double>(z.rows));
  CHECK(root * wanted.mean_distance(sum) <=
        std::ldexp(static_cast<long double>(accuracy.mean), sum.exponent) +
            4 * rankme::unit_roundoff * std::sqrt(wanted.trace));
}

void merges_in_any_order() {
  const std::vector<double> probes = rankme::gaussian_probes(7, 0);
  for (const double size : {0.0, 1.0, 1e4, 1e8, 1e10}) {
    Matrix z = oracle::random_matrix(400, 7, 1);
    for (std::int64_t i = 0; i < z.rows; ++i) {
      for (std::int64_t j = 0; j < z.cols; ++j) z(i, j) += size * (j % 2 == 0 ? 1.1 : -0.3);
    }
    const exact::Sum wanted(z);
    const Matrix t = oracle::transpose(z);
    for (unsigned seed = 0; seed < 20; ++seed) {
      // Entries of z are given: none of the mean's length is left in the error.
      check_sum(merged(view(z), probes, seed), wanted, z, probes, 1e-14);
      check_sum(merged(view(t).transposed(), probes, seed), wanted, z, probes, 1e-14);
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
          if (!normalize)
            CHECK(std::ldexp(sum.origin[j], sum.exponent) == z(0, static_cast<std::int64_t>(j)));
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
  const exact::Sum wanted(z);
  const CentredSum left = sum_of(view(z).row_range(0, 100), probes);
  const CentredSum right = sum_of(view(z).row_range(100, 200), probes);
  for (const auto& [first, second] : {std::pair{&left, &right}, std::pair{&right, &left}}) {
    CentredSum sum = *first;
    sum.add(*second, probes.data());
    CHECK(sum.origin == first->origin);
    check_sum(sum, wanted, z, probes, 1e-14);
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
  for (const auto& [first, second] : {std::pair{1e200, 1e200},
                                      {1e-200, 1e-200},
                                      {1e200, 1e-200},
                                      {1e-200, 1e200},
                                      {1.0, 1e180},
                                      {1e-250, 1.0},
                                      {1e100, 1.0},
                                      {1.0, 0.0},
                                      {0.0, 1e-200}}) {
    const Matrix z = scaled(first, second);
    const exact::Sum wanted(z);
    CentredSum sum = sum_of(view(z).row_range(0, 60), probes);
    sum.add(sum_of(view(z).row_range(60, 120), probes), probes.data());
    check_sum(sum, wanted, z, probes, 1e-14);
    // Into one and the same sum, whose scale follows.
    CentredSum grown = sum_of(view(z).row_range(0, 60), probes);
    rankme::RowAdder adder;
    adder.reserve(60, 6);
    CHECK(adder.add(grown, view(z).row_range(60, 120), false, probes.data()));
    check_sum(grown, wanted, z, probes, 1e-14);
  }
}

// In one pass as one after the other: the same bits where the scale stays, and where it grows the
// same sum.
void several_are_added_in_one_pass() {
  const std::vector<double> probes = rankme::gaussian_probes(6, 0);
  const Matrix z = oracle::random_matrix(200, 6, 4);
  Matrix scaled = z;
  for (std::int64_t j = 0; j < 6; ++j) scaled(150, j) *= 1e180;  // in the last but one
  const auto pieces = [&](const Matrix& rows) {
    std::vector<CentredSum> sums;
    for (const auto& [begin, end] :
         {std::pair{0, 1}, {1, 60}, {60, 60}, {60, 150}, {150, 151}, {151, 200}}) {
      sums.push_back(end > begin ? sum_of(view(rows).row_range(begin, end), probes)
                                 : CentredSum(6, rankme::Storage::packed));
    }
    return sums;
  };
  for (const Matrix* rows : {&z, &std::as_const(scaled)}) {
    const std::vector<CentredSum> sums = pieces(*rows);
    for (const std::size_t before : {std::size_t{0}, std::size_t{2}}) {
      CentredSum one_by_one(6), at_once(6);
      std::vector<const CentredSum*> others;
      for (std::size_t i = 0; i < sums.size(); ++i) {
        one_by_one.add(sums[i], probes.data());
        if (i < before) {
          at_once.add(sums[i], probes.data());
        } else {
          others.push_back(&sums[i]);
        }
      }
      at_once.add(others, probes.data());
      check_sum(at_once, exact::Sum(*rows), *rows, probes, 1e-14);
      if (rows == &z) CHECK(sums::same_bits(at_once, one_by_one));
    }
  }
  const CentredSum empty(6);
  const CentredSum* const nothing[] = {&empty, &empty};
  CentredSum sum = sum_of(view(z), probes);
  const CentredSum before = sum;
  sum.add(nothing, probes.data());
  sum.add(CentredSum::Sums{}, probes.data());
  CHECK(sums::same_bits(sum, before));
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

}  // namespace

int main() {
  merges_in_any_order();
  equal_rows_have_no_scatter();
  origins_far_apart_meet();
  every_scale_is_added();
  several_are_added_in_one_pass();
  an_outlier_as_origin_is_no_fault();
  the_mean_moves();
  return check::finish("centred_sum");
}
