#include <algorithm>
#include <cmath>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/eigen.hpp"
#include "rankme/threads.hpp"

namespace {

// H D H with a reflection H = I - 2 v v^T: its eigenvalues are those on the diagonal of D, and it
// takes n^2 operations to make.
std::vector<double> reflected(const std::vector<double>& d) {
  const std::size_t n = d.size();
  std::vector<double> v(n);
  double squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    v[i] = 1 + 0.5 * std::sin(static_cast<double>(3 * i));
    squares += v[i] * v[i];
  }
  double middle = 0;
  for (std::size_t i = 0; i < n; ++i) {
    v[i] /= std::sqrt(squares);
    middle += v[i] * d[i] * v[i];
  }
  std::vector<double> a(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      a[i * n + j] = (i == j ? d[i] : 0) + v[i] * v[j] * (4 * middle - 2 * d[i] - 2 * d[j]);
    }
  }
  return a;
}

// Graded and clustered, with a multiple zero.
void eigenvalues_are_found(std::int64_t n, int threads) {
  rankme::set_num_threads(threads);
  std::vector<double> d(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < d.size(); ++i) {
    d[i] = i % 7 == 0 ? 0 : (i % 5 == 0 ? 0.5 : 1 / static_cast<double>((i + 1) * (i + 1)));
  }
  std::vector<double> a = reflected(d);
  const std::vector<double> found = rankme::symmetric_eigenvalues(a.data(), n);
  std::sort(d.begin(), d.end());
  double worst = 0;
  for (std::size_t i = 0; i < d.size(); ++i) worst = std::max(worst, std::abs(found[i] - d[i]));
  // The making of the matrix rounds as well: a few units in its largest entry, in two directions.
  CHECK(worst <= (rankme::solver_error(n) + 16 * rankme::unit_roundoff) * d.back());
}

using oracle::Matrix;

std::vector<double> some_vector(std::size_t n) {
  std::vector<double> m(n);
  for (std::size_t i = 0; i < n; ++i) m[i] = std::cos(static_cast<double>(2 * i + 1));
  return m;
}

// S v for the lower triangle of S.
std::vector<double> product(const std::vector<double>& s, const std::vector<double>& v) {
  const std::size_t n = v.size();
  std::vector<double> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      out[i] += s[i * n + j] * v[j];
      out[j] += s[i * n + j] * v[i];
    }
    out[i] += s[i * n + i] * v[i];
  }
  return out;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double furthest(const std::vector<double>& a, const std::vector<double>& b) {
  CHECK(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

// T is S in a basis whose first vector is m: the moments m^T S^k m tell it, and so do the
// eigenvalues of S + w m m^T, which are those of T with something added to its first entry.
void the_first_axis_is_the_vector(std::int64_t n, int threads) {
  rankme::set_num_threads(threads);
  std::vector<double> d(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = 1 / static_cast<double>(1 + i % 50);
  const std::vector<double> s = reflected(d);
  const std::vector<double> m = some_vector(d.size());
  const double error = (rankme::solver_error(n) + 16 * rankme::unit_roundoff);

  std::vector<double> destroyed = s;
  const rankme::Tridiagonal t = rankme::tridiagonal(destroyed.data(), n, m);
  const double square = dot(m, m);
  CHECK_CLOSE(t.along, std::sqrt(square), 1e-14);
  const std::vector<double> once = product(s, m);
  const std::vector<double> twice = product(s, once);
  const double first = t.diagonal[0];
  const double beside = n > 1 ? t.off_diagonal[0] : 0;
  const double second = n > 1 ? t.diagonal[1] : 0;
  CHECK(std::abs(dot(m, once) / square - first) <= error);
  CHECK(std::abs(dot(once, once) / square - (first * first + beside * beside)) <= error);
  const double third = first * (first * first + 2 * beside * beside) + second * beside * beside;
  CHECK(std::abs(dot(once, twice) / square - third) <= error);

  std::sort(d.begin(), d.end());
  CHECK(furthest(rankme::eigenvalues(t), d) <= error);
  constexpr double weight = 0.7;
  std::vector<double> sum = s;
  for (std::size_t i = 0; i < m.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) sum[i * m.size() + j] += weight * m[i] * m[j];
  }
  const std::vector<double> wanted = rankme::symmetric_eigenvalues(sum.data(), n);
  double perturbation = 0;
  const std::vector<double> bordered = rankme::bordered_eigenvalues(t, weight, &perturbation);
  CHECK(perturbation <= error);
  CHECK(furthest(bordered, wanted) <= error * (1 + weight * square));
  // Interlacing: each lies between two of T, and the mean lifts the last alone beyond them.
  for (std::size_t i = 0; i < d.size(); ++i) {
    CHECK(bordered[i] >= d[i] - error && (i + 1 == d.size() || bordered[i] <= d[i + 1] + error));
  }
}

// S + n m m^T with a mean 1e8 times as long as the spread. The columns of [L^T, sqrt(n) m] are
// graded, and Jacobi rotations of columns keep the relative accuracy of every singular value.
void a_long_mean_drowns_nothing() {
  constexpr std::int64_t n = 12;
  constexpr double rows = 1000;
  for (const double size : {1.0, 1e4, 1e8, 1e12, 1e100}) {
    Matrix factor = oracle::random_matrix(n, n, 5);
    for (std::int64_t i = 0; i < n; ++i) factor(i, i) += 8;
    std::vector<double> m = some_vector(n);
    for (double& x : m) x *= size;
    std::vector<double> s(n * n);
    Matrix graded(n + 1, n + 1);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) graded(i, j) = factor(j, i);
      graded(i, n) = std::sqrt(rows) * m[static_cast<std::size_t>(i)];
      for (std::int64_t j = 0; j <= i; ++j) {
        long double entry = 0;
        for (std::int64_t k = 0; k < n; ++k) {
          entry += static_cast<long double>(factor(k, i)) * factor(k, j);
        }
        s[static_cast<std::size_t>(i * n + j)] = static_cast<double>(entry);
      }
    }
    const std::vector<double> wanted = oracle::singular_values(graded);
    double perturbation = 0;
    const rankme::Tridiagonal t = rankme::tridiagonal(s.data(), n, m);
    const std::vector<double> found = rankme::bordered_eigenvalues(t, rows, &perturbation);
    CHECK(perturbation == 0);
    for (std::size_t k = 0; k < n; ++k) {
      CHECK_CLOSE(std::sqrt(found[n - 1 - k]), wanted[k], 1e-13);
    }
  }
}

void what_is_not_definite_has_no_negative_value() {
  // Three directions of eight, and a mean outside of them.
  const Matrix z = oracle::random_matrix(3, 8, 6);
  std::vector<double> s(64);
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      for (std::int64_t k = 0; k < 3; ++k) {
        s[i * 8 + j] += z(k, static_cast<std::int64_t>(i)) * z(k, static_cast<std::int64_t>(j));
      }
    }
  }
  const rankme::Tridiagonal t = rankme::tridiagonal(s.data(), 8, some_vector(8));
  Matrix graded(8, 4);
  for (std::int64_t i = 0; i < 8; ++i) {
    for (std::int64_t k = 0; k < 3; ++k) graded(i, k) = z(k, i);
    graded(i, 3) = 1e8 * some_vector(8)[static_cast<std::size_t>(i)];
  }
  const std::vector<double> wanted = oracle::singular_values(graded);
  double perturbation = 0;
  const std::vector<double> found = rankme::bordered_eigenvalues(t, 1e16, &perturbation);
  CHECK(perturbation <= 1e-13);
  for (std::size_t k = 0; k < 8; ++k) {
    CHECK(found[k] >= 0);
    if (k < 4) {
      CHECK(found[k] <= 1e-13);
    } else {
      CHECK_CLOSE(std::sqrt(found[k]), wanted[7 - k], 1e-12);
    }
  }
}

void nothing_but_a_mean() {
  double perturbation = 1;
  for (const std::size_t n : {1, 2, 5}) {
    std::vector<double> zero(n * n);
    const std::vector<double> m = some_vector(n);
    const auto order = static_cast<std::int64_t>(n);
    const rankme::Tridiagonal t = rankme::tridiagonal(zero.data(), order, m);
    for (const double value : rankme::eigenvalues(t)) CHECK(value == 0);
    const std::vector<double> found = rankme::bordered_eigenvalues(t, 9, &perturbation);
    CHECK(perturbation == 0);
    for (std::size_t k = 0; k + 1 < n; ++k) CHECK(found[k] == 0);
    CHECK_CLOSE(found.back(), 9 * dot(m, m), 1e-14);
  }
  // Order 1, and a mean of zero.
  for (const double mean : {0.0, 3.0, -1e8}) {
    double s = 2;
    const rankme::Tridiagonal t = rankme::tridiagonal(&s, 1, {mean});
    CHECK(rankme::eigenvalues(t) == std::vector<double>{2});
    CHECK_CLOSE(rankme::bordered_eigenvalues(t, 5, &perturbation)[0], 2 + 5 * mean * mean, 1e-15);
  }
}

}  // namespace

int main() {
  // By the solver for small orders; by way of a band; and by a team.
  const std::vector<std::int64_t> orders = {1, 2, 3, 50, 300, 700};
  for (const std::int64_t n : orders) the_first_axis_is_the_vector(n, 2);
  a_long_mean_drowns_nothing();
  what_is_not_definite_has_no_negative_value();
  nothing_but_a_mean();
  for (const std::int64_t n : orders) eigenvalues_are_found(n, 2);
  // One thread races with nobody, and the thread sanitizer would take minutes over these.
#if !defined(__SANITIZE_THREAD__)
  for (const std::int64_t n : {1100, 3072}) {
    the_first_axis_is_the_vector(n, 1);
    eigenvalues_are_found(n, 1);
  }
#endif
  rankme::set_num_threads(2);
  return check::finish("eigen");
}
