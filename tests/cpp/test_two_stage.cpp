// The eigenvalue solver stage by stage, with the loops of every processor that this one can run.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "kernels.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "sign_count.hpp"
#include "two_stage.hpp"

namespace {

using Values = std::vector<double>;
using rankme::Kernels;
using rankme::Tridiagonal;

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

Values random_symmetric(std::int64_t n, unsigned seed) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  Values a(at(n * n), std::numeric_limits<double>::quiet_NaN());  // above the diagonal
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) a[at(i * n + j)] = normal(engine);
  }
  return a;
}

Tridiagonal reduced(const Values& a, std::int64_t n, const Kernels& kernels, int threads = 1,
                    Values reflection = {}) {
  return rankme::two_stage_tridiagonal(a.data(), n, std::move(reflection), threads, kernels);
}

Values values_of(const Tridiagonal& t, const Kernels& kernels, int threads = 1) {
  return rankme::SignCount(t.diagonal, t.off_diagonal, kernels).eigenvalues(threads);
}

// How many eigenvalues of T are below x, by the pivots of T - x in long double.
std::int64_t below(const Tridiagonal& t, long double x) {
  std::int64_t count = 0;
  long double pivot = 1;
  for (std::size_t i = 0; i < t.diagonal.size(); ++i) {
    const long double beside = i > 0 ? t.off_diagonal[i - 1] : 0;
    pivot = t.diagonal[i] - x - beside * beside / pivot;
    if (pivot == 0) pivot = -1e-4000L;
    if (pivot < 0) ++count;
  }
  return count;
}

double row_sum(const Tridiagonal& t) {
  double largest = 0;
  for (std::size_t i = 0; i < t.diagonal.size(); ++i) {
    largest =
        std::max(largest, std::abs(t.diagonal[i]) + (i > 0 ? std::abs(t.off_diagonal[i - 1]) : 0) +
                              (i + 1 < t.diagonal.size() ? std::abs(t.off_diagonal[i]) : 0));
  }
  return largest;
}

// Each value to a few units in the last place of the largest row sum.
void counts_agree(const Tridiagonal& t, const Values& found) {
  const long double error = 8 * rankme::unit_roundoff * static_cast<long double>(row_sum(t));
  CHECK(found.size() == t.diagonal.size() && std::is_sorted(found.begin(), found.end()));
  for (std::size_t k = 0; k < found.size(); ++k) {
    const auto index = static_cast<std::int64_t>(k);
    CHECK(below(t, found[k] - error) <= index);
    CHECK(below(t, found[k] + error) > index);
  }
}

// Traces of A and of its square: they tell nothing of order, and all of them must be right.
void traces_agree(const Values& a, std::int64_t n, const Values& found) {
  long double trace = 0, squares = 0, found_trace = 0, found_squares = 0, size = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j)
      squares += 2 * static_cast<long double>(a[at(i * n + j)]) * a[at(i * n + j)];
    squares += static_cast<long double>(a[at(i * n + i)]) * a[at(i * n + i)];
    trace += a[at(i * n + i)];
  }
  for (const double value : found) {
    found_trace += value;
    found_squares += static_cast<long double>(value) * value;
    size = std::max<long double>(size, std::abs(value));
  }
  const long double error = 4 * rankme::solver_error(n);
  CHECK(std::abs(found_trace - trace) <= error * std::sqrt(static_cast<long double>(n) * squares));
  CHECK(std::abs(found_squares - squares) <= error * squares);
}

// The eigenvalues of A, descending, by one-sided Jacobi of A + shift: of a definite matrix they are
// its singular values.
Values by_jacobi(const Values& a, std::int64_t n) {
  double shift = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < n; ++j)
      sum += std::abs(a[at(std::max(i, j) * n + std::min(i, j))]);
    shift = std::max(shift, sum);
  }
  oracle::Matrix moved(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      moved(i, j) = a[at(std::max(i, j) * n + std::min(i, j))] + (i == j ? shift : 0);
    }
  }
  Values values = oracle::singular_values(moved);
  std::reverse(values.begin(), values.end());
  for (double& value : values) value -= shift;
  return values;
}

void every_order(const Kernels& kernels) {
  for (std::int64_t n = 1; n <= 200; ++n) {
    const Values a = random_symmetric(n, static_cast<unsigned>(n));
    const Tridiagonal t = reduced(a, n, kernels);
    CHECK(t.diagonal.front() == a.front());
    CHECK(static_cast<std::int64_t>(t.off_diagonal.size()) == n - 1);
    const Values found = values_of(t, kernels);
    counts_agree(t, found);
    traces_agree(a, n, found);
    if (n > 70 || (n > 40 && n % 8 > 1)) continue;
    const Values wanted = by_jacobi(a, n);
    const double size = std::max(std::abs(wanted.front()), std::abs(wanted.back()));
    // The shift of the reference rounds as well.
    const double error = (rankme::solver_error(n) + 40 * rankme::unit_roundoff) * size;
    for (std::size_t k = 0; k < found.size(); ++k) CHECK(std::abs(found[k] - wanted[k]) <= error);
  }
}

void any_number_of_threads(const Kernels& kernels) {
  for (const std::int64_t n : {1, 31, 33, 64, 65, 160, 300, 517, 1100}) {
    const Values a = random_symmetric(n, 7);
    Values v = random_symmetric(1, static_cast<unsigned>(n));
    v.resize(at(n), 0.0);
    v = Values(at(n), 1 / std::sqrt(static_cast<double>(n)));
    v.front() += 1;
    const Tridiagonal one = reduced(a, n, kernels, 1, v);
    const Values values = values_of(one, kernels);
    for (const int threads : {2, 3, 5, 12}) {
      const Tridiagonal many = reduced(a, n, kernels, threads, v);
      CHECK(many.diagonal == one.diagonal && many.off_diagonal == one.off_diagonal);
      CHECK(values_of(many, kernels, threads) == values);
    }
  }
}

// Powers of two change no digit; and neither end of the range of numbers is out of reach.
void any_size(const Kernels& kernels) {
  constexpr std::int64_t n = 75;
  const Values a = random_symmetric(n, 11);
  const Values values = values_of(reduced(a, n, kernels), kernels);
  for (const int exponent : {-1000, -400, 3, 500, 1010}) {
    Values scaled = a;
    for (double& x : scaled) x = std::ldexp(x, exponent);
    Values found = values_of(reduced(scaled, n, kernels), kernels);
    for (double& x : found) x = std::ldexp(x, -exponent);
    CHECK(found == values);
  }
  // Columns so small that their squares are nothing.
  Values graded = a;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      graded[at(i * n + j)] =
          std::ldexp(graded[at(i * n + j)], static_cast<int>(-14 * (i + j) / 2));
    }
  }
  const Tridiagonal t = reduced(graded, n, kernels);
  const Values found = values_of(t, kernels);
  counts_agree(t, found);
  traces_agree(graded, n, found);
  Values zero(at(n * n));
  for (const double value : values_of(reduced(zero, n, kernels), kernels)) CHECK(value == 0);
}

void what_is_not_finite_is_refused(const Kernels& kernels) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {infinity, -infinity, std::numeric_limits<double>::quiet_NaN()}) {
    for (const std::int64_t where : {0, 40 * 50 + 3, 49 * 50 + 49}) {
      Values a = random_symmetric(50, 5);
      a[at(where)] = bad;
      CHECK_THROWS(reduced(a, 50, kernels), std::invalid_argument, "order 50");
    }
  }
}

// Wilkinson's W21+ has pairs that agree to all digits; the second difference is known exactly.
void tridiagonals_that_are_known(const Kernels& kernels) {
  for (const std::int64_t half : {10, 100, 600}) {
    Tridiagonal t{{}, Values(at(2 * half), 1.0), 0};
    for (std::int64_t i = -half; i <= half; ++i) {
      t.diagonal.push_back(std::abs(static_cast<double>(i)));
    }
    counts_agree(t, values_of(t, kernels));
  }
  constexpr std::int64_t n = 500;
  const Tridiagonal second{Values(at(n), 2.0), Values(at(n - 1), -1.0), 0};
  const Values found = values_of(second, kernels);
  for (std::int64_t k = 0; k < n; ++k) {
    const double half_angle = std::acos(-1.0) * static_cast<double>(k + 1) / (2 * (n + 1));
    const double wanted = 4 * std::sin(half_angle) * std::sin(half_angle);
    CHECK(std::abs(found[at(k)] - wanted) <= 8 * rankme::unit_roundoff * 4);
  }
  // All alike, with nothing beside; and a value at the very end of the row sums.
  const Tridiagonal same{Values(at(300), 3.0), Values(at(299), 0.0), 0};
  for (const double value : values_of(same, kernels)) {
    CHECK(std::abs(value - 3) <= 8 * rankme::unit_roundoff * 3);
  }
  const double least_below_one = 1 - rankme::unit_roundoff;
  const Tridiagonal end{{least_below_one, 0.5, -least_below_one}, {0, 0}, 0};
  CHECK(std::abs(values_of(end, kernels).back() - least_below_one) <= 4 * rankme::unit_roundoff);
}

// What is added to the first entry of A, is added to the first entry of T.
void the_first_axis_stays(const Kernels& kernels) {
  for (const std::int64_t n : {2, 33, 130, 260}) {
    Values a = random_symmetric(n, 3);
    Tridiagonal t = reduced(a, n, kernels);
    const double much = 5 * std::sqrt(static_cast<double>(n));
    a.front() += much;
    t.diagonal.front() += much;
    const Values wanted = values_of(reduced(a, n, kernels), kernels);
    const Values found = values_of(t, kernels);
    for (std::size_t k = 0; k < found.size(); ++k) {
      CHECK(std::abs(found[k] - wanted[k]) <= rankme::solver_error(n) * std::abs(wanted.back()));
    }
  }
}

}  // namespace

int main() {
  for (const auto& [name, table] : rankme::kinds_of_kernels()) {
    const Kernels& kernels = *table;
    const int before = check::failures;
    every_order(kernels);
    any_number_of_threads(kernels);
    any_size(kernels);
    what_is_not_finite_is_refused(kernels);
    tridiagonals_that_are_known(kernels);
    the_first_axis_stays(kernels);
    if (check::failures != before) std::fprintf(stderr, "with %s\n", name);
  }
  return check::finish("two_stage");
}
