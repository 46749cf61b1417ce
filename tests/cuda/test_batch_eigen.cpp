// The eigenvalues of the batch kernels, computed without a GPU: by one thread alone, and with every
// thread of a block as a thread here.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "check.hpp"
#include "oracle.hpp"
#include "rankme/accuracy.hpp"
#include "small_eigen.hpp"

using oracle::Matrix;
using small_eigen::computed_eigenvalues;

namespace {

// Cyclic Jacobi in long double: nothing in common with what is tested.
std::vector<double> reference_eigenvalues(const std::vector<long double>& dense, int n) {
  std::vector<long double> a = dense;
  const auto at = [&](int i, int j) -> long double& {
    return a[static_cast<std::size_t>(i * n + j)];
  };
  for (int sweep = 0; sweep < 40; ++sweep) {
    for (int p = 0; p < n; ++p) {
      for (int q = p + 1; q < n; ++q) {
        if (at(p, q) == 0) continue;
        const long double tau = (at(q, q) - at(p, p)) / (2 * at(p, q));
        const long double t = std::copysign(1.0L, tau) / (std::fabs(tau) + std::hypot(1.0L, tau));
        const long double c = 1 / std::hypot(1.0L, t);
        const long double s = t * c;
        for (int k = 0; k < n; ++k) {
          const long double x = at(k, p), y = at(k, q);
          at(k, p) = c * x - s * y;
          at(k, q) = s * x + c * y;
        }
        for (int k = 0; k < n; ++k) {
          const long double x = at(p, k), y = at(q, k);
          at(p, k) = c * x - s * y;
          at(q, k) = s * x + c * y;
        }
      }
    }
  }
  std::vector<double> values;
  for (int i = 0; i < n; ++i) values.push_back(static_cast<double>(at(i, i)));
  std::sort(values.begin(), values.end());
  return values;
}

// A symmetric matrix with about these eigenvalues, in random directions.
std::vector<double> with_spectrum(const std::vector<double>& values, unsigned seed) {
  const int n = static_cast<int>(values.size());
  std::vector<double> a(static_cast<std::size_t>(n * n));
  for (int i = 0; i < n; ++i)
    a[static_cast<std::size_t>(i * n + i)] = values[static_cast<std::size_t>(i)];
  for (unsigned step = 0; step < 3; ++step) {
    const Matrix v = oracle::random_matrix(1, n, seed + step);
    double squares = 0;
    for (int i = 0; i < n; ++i) squares += v(0, i) * v(0, i);
    std::vector<double> w(static_cast<std::size_t>(n));
    double middle = 0;
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j)
        w[static_cast<std::size_t>(i)] += a[static_cast<std::size_t>(i * n + j)] * v(0, j);
      middle += v(0, i) * w[static_cast<std::size_t>(i)];
    }
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j <= i; ++j) {
        const double change = -2 / squares *
                                  (v(0, i) * w[static_cast<std::size_t>(j)] +
                                   w[static_cast<std::size_t>(i)] * v(0, j)) +
                              4 * middle / squares / squares * v(0, i) * v(0, j);
        a[static_cast<std::size_t>(i * n + j)] += change;
        a[static_cast<std::size_t>(j * n + i)] = a[static_cast<std::size_t>(i * n + j)];
      }
    }
  }
  return a;
}

void check_eigenvalues(const std::vector<double>& dense, int n, const std::string& name) {
  const std::vector<double> wanted =
      reference_eigenvalues(std::vector<long double>(dense.begin(), dense.end()), n);
  const std::vector<double> got = computed_eigenvalues(dense, n);
  const double largest = std::max(std::abs(wanted.front()), std::abs(wanted.back()));
  const double allowed = rankme::solver_error(n) * largest;
  double worst = 0;
  for (std::size_t k = 0; k < wanted.size(); ++k)
    worst = std::max(worst, std::abs(got[k] - wanted[k]));
  check::report(worst <= allowed, __FILE__, __LINE__, name + check::against(worst, allowed));
  check::report(std::is_sorted(got.begin(), got.end()), __FILE__, __LINE__, name + " ascends");
}

std::vector<double> spectrum(int n, const std::function<double(int)>& value) {
  std::vector<double> values;
  for (int k = 0; k < n; ++k) values.push_back(value(k));
  return values;
}

void eigenvalues_of_nasty_spectra() {
  for (const int n : {1, 2, 3, 7, 16, 33, 50, 64}) {
    const auto named = [&](const std::string& name) { return name + " " + std::to_string(n); };
    const auto check = [&](const std::string& name, const std::function<double(int)>& value) {
      check_eigenvalues(with_spectrum(spectrum(n, value), 7), n, named(name));
    };
    check("power law", [](int k) { return std::pow(k + 1.0, -2); });
    check("graded", [](int k) { return std::pow(10.0, -0.5 * k); });
    check("clustered", [](int k) { return 1 + 1e-14 * k; });
    check("collapsed", [](int k) { return k < 3 ? 1.0 : 0.0; });
    check("large", [](int k) { return 0x1p390 / (k + 1); });
    check("small", [](int k) { return 0x1p-390 / (k + 1); });
    check("subnormal float32 squared", [](int k) { return 0x1p-298 * (k + 1); });
    check("opposite signs", [](int k) { return k % 2 == 0 ? 1.0 : -1.0; });

    const auto size = static_cast<std::size_t>(n * n);
    check_eigenvalues(std::vector<double>(size), n, named("zero"));
    check_eigenvalues(std::vector<double>(size, 3), n, named("all equal"));
    std::vector<double> identity(size, 1e-8);  // a large mean on an identity
    std::vector<double> graded(size);
    std::vector<double> wilkinson(size);
    for (int i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i * n + i);
      identity[at] += 1e-3;
      graded[at] = std::pow(16.0, -i);
      wilkinson[at] = std::abs(i - n / 2);
      if (i + 1 < n) wilkinson[at + 1] = wilkinson[at + static_cast<std::size_t>(n)] = 1;
      if (i + 1 < n)
        graded[at + 1] = graded[at + static_cast<std::size_t>(n)] = 0.5 * std::pow(16.0, -i - 1);
    }
    check_eigenvalues(identity, n, named("mean on an identity"));
    check_eigenvalues(graded, n, named("graded down the diagonal"));
    std::reverse(graded.begin(), graded.end());
    check_eigenvalues(graded, n, named("graded up the diagonal"));
    check_eigenvalues(wilkinson, n, named("Wilkinson"));
  }
}

void threads_find_what_one_finds() {
  for (const int n : {2, 5, 33}) {
    const std::vector<double> dense =
        with_spectrum(spectrum(n, [](int k) { return 1.0 / (k + 1); }), 3);
    const std::vector<double> alone = computed_eigenvalues(dense, n);
    for (const int warps : {1, 2}) {
      const std::vector<double> together = computed_eigenvalues(dense, n, warps);
      for (std::size_t k = 0; k < alone.size(); ++k) {
        CHECK(std::abs(together[k] - alone[k]) <= 1e-14);
      }
    }
  }
}

}  // namespace

int main() {
  eigenvalues_of_nasty_spectra();
  threads_find_what_one_finds();
  return check::finish("batch eigenvalues");
}
