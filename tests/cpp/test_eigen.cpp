#include <algorithm>
#include <vector>

#include "check.hpp"
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

}  // namespace

int main() {
  for (const std::int64_t n : {1, 2, 3, 50, 300}) eigenvalues_are_found(n, 2);
  eigenvalues_are_found(1100, 1);
  eigenvalues_are_found(3072, 1);  // by way of a band
  rankme::set_num_threads(2);
  return check::finish("eigen");
}
