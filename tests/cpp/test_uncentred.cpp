// A scatter about the mean as Z^T Z, and back.
#include <cmath>
#include <vector>

#include "check.hpp"
#include "exact.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/measure.hpp"
#include "rankme/probe.hpp"
#include "rankme/spectrum.hpp"

namespace {

using exact::holds;
using exact::merged;
using exact::view;
using oracle::Matrix;
using rankme::CentredSum;
using rankme::GramSum;
using rankme::SingularValues;

// Entries relative to what Cauchy and Schwarz allow.
void check_products(const GramSum& gram, const Matrix& z) {
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
}

void products_and_back() {
  const std::vector<double> probes = rankme::gaussian_probes(8, 4);
  for (const double size : {0.0, 1.0, 1e3, 1e6, 1e9}) {
    for (const int exponent : {0, 600}) {
      Matrix z = oracle::random_matrix(500, 8, 5);
      for (double& x : z.entries) x = std::ldexp(x + size, exponent);
      const exact::Sum wanted(z);
      const CentredSum sum = merged(view(z), probes, 6);
      const GramSum gram = sum.uncentred(probes.data());
      check_products(gram, z);
      (void)rankme::measure_accuracy(gram, probes);

      const CentredSum back = CentredSum::from_uncentred(gram, z.rows, probes.data());
      const rankme::CentredAccuracy accuracy = rankme::measure_accuracy(back, probes);
      const long double unit = std::ldexp(1.0L, 2 * back.exponent);
      // What cancels is lost, and known to be.
      CHECK(wanted.distance(back) <= accuracy.scatter.delta * unit);
      double products = 0;
      for (std::size_t i = 0; i < 8; ++i) products += gram.gram[i * 9];
      CHECK(back.unseen <= 1e-12 * products);
      CHECK(back.rows == z.rows && accuracy.scatter.delta >= back.unseen);
      for (const bool center : {true, false}) {
        const std::vector<long double> values = exact::values(wanted, z.rows, center, exponent);
        holds(rankme::singular_values(back, probes, center, false), values);
        const SingularValues got = rankme::singular_values(sum, probes, center, false);
        holds(got, values);
        // Never centred by subtraction, whatever the mean: good to the last digits.
        for (std::size_t k = 0; k < 8; ++k) {
          const long double sigma =
              std::ldexp(static_cast<long double>(got.scaled[k]), got.exponent);
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

}  // namespace

int main() {
  products_and_back();
  return check::finish("uncentred");
}
