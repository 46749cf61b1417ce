#include "rankme/eigen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "blas.hpp"
#include "kernels.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/budget.hpp"
#include "rankme/entropy.hpp"
#include "rankme/error.hpp"
#include "rankme/memory.hpp"
#include "rankme/threads.hpp"
#include "sign_count.hpp"
#include "two_stage.hpp"

namespace rankme {

namespace {

// From this order on our own two stages take less processor time than LAPACK's one (dsytrd), and
// from the other one on sign counts take less than its dsterf (docs/developers/decisions: 10).
constexpr std::int64_t least_two_stage_order = 256;
constexpr std::int64_t least_counted_order = 48;
// Below this order a second thread gains less than it costs where the cores are shared.
constexpr std::int64_t least_team_order = 640;

void check(const char* routine, int info) {
  if (info < 0) throw LapackError(routine, info, "an argument had an illegal value");
  if (info > 0) {
    throw LapackError(routine, info,
                      "the tridiagonal QL iteration left " + std::to_string(info) +
                          " off-diagonal elements that did not converge to zero");
  }
}

int blas_order(std::int64_t n) {
  if (n > std::numeric_limits<int>::max()) {
    throw std::length_error("a matrix of order " + std::to_string(n) +
                            " is beyond LAPACK's 32-bit interface");
  }
  return static_cast<int>(n);
}

int team_of(std::int64_t n) { return n < least_team_order ? 1 : num_threads(); }

// To a few roundings, however long the vector is: what the norm of the mean is off by counts for
// the largest singular value, and the reflection is orthogonal only as far as its vector is known.
double accurate_norm(const std::vector<double>& x) {
  double largest = 0;
  for (const double value : x) largest = std::max(largest, std::abs(value));
  if (largest == 0) return 0;
  CompensatedSum squares;
  for (const double value : x) {
    const double part = value / largest;
    squares.add(part * part);
  }
  return largest * std::sqrt(squares.value());
}

// The vector becomes v of the reflection H = I - v v^T / |v[axis]| that turns it onto an axis,
// with |v|^2 = 2 |v[axis]|; returns its norm. A vector of zeros stays as it is.
double make_reflection(std::vector<double>& vector, std::size_t axis) {
  const double norm = accurate_norm(vector);
  if (norm == 0) return 0;
  for (double& x : vector) x /= norm;
  vector[axis] += std::copysign(1.0, vector[axis]);
  return norm;
}

// H S H
void reflect(double* matrix, std::int64_t n, const std::vector<double>& vector, std::size_t axis) {
  const double beta = 1 / std::abs(vector[axis]);
  const int order = static_cast<int>(n);
  const int one = 1;
  const double zero = 0;
  const double minus_one = -1;
  std::vector<double> product(vector.size());
  const BlasCall call;
  RANKME_BLAS(dsymv_)("U", &order, &beta, matrix, &order, vector.data(), &one, &zero,
                      product.data(), &one);
  double inner = 0;
  for (std::size_t i = 0; i < vector.size(); ++i) inner += vector[i] * product[i];
  for (std::size_t i = 0; i < vector.size(); ++i) product[i] -= 0.5 * beta * inner * vector[i];
  RANKME_BLAS(dsyr2_)("U", &order, &minus_one, vector.data(), &one, product.data(), &one, matrix,
                      &order);
}

// Returns the factors of the reflections.
std::vector<double> reduce(double* a, int order, Tridiagonal& t) {
  const int query = -1;
  int info = 0;
  double best_work = 0;
  std::vector<double> tau(t.diagonal.size());
  const BlasCall call;
  RANKME_BLAS(dsytrd_)("U", &order, a, &order, t.diagonal.data(), t.off_diagonal.data(), tau.data(),
                       &best_work, &query, &info);
  const int lwork = std::max(1, static_cast<int>(best_work));
  std::vector<double> work(static_cast<std::size_t>(lwork));
  RANKME_BLAS(dsytrd_)("U", &order, a, &order, t.diagonal.data(), t.off_diagonal.data(), tau.data(),
                       work.data(), &lwork, &info);
  check("dsytrd", info);
  return tau;
}

// How much pivots were raised: the most, and the Euclidean norm of all raises.
struct Raised {
  double most = 0;
  double norm = 0;
};

// The least raise of pivots with which all of them are positive: T + diag(raises) = U U^T. u and g
// get the diagonal of U and what stands above it.
Raised factor(const Tridiagonal& t, double least, std::vector<double>& u, std::vector<double>& g) {
  Raised raised;
  double pivot = t.diagonal.back();
  for (std::size_t i = t.diagonal.size(); i-- > 0;) {
    if (pivot < least) {
      raised.most = std::max(raised.most, least - pivot);
      raised.norm = std::hypot(raised.norm, least - pivot);
      pivot = least;
    }
    u[i] = std::sqrt(pivot);
    if (i == 0) break;
    g[i - 1] = u[i] > 0 ? t.off_diagonal[i - 1] / u[i] : 0;
    pivot = t.diagonal[i - 1] - g[i - 1] * g[i - 1];
  }
  return raised;
}

// Orthonormal eigenvectors of the `count` smallest eigenvalues of T by relatively robust
// representations, (count, n) row-major. Empty where LAPACK finds none: a cluster of hundreds may
// have no such representation.
std::vector<double> smallest_robustly(Tridiagonal t, std::int64_t count,
                                      std::vector<double>& eigenvalues) {
  const std::size_t length = t.diagonal.size();
  const int order = static_cast<int>(length);
  std::vector<double> vectors = zeros(count, order, "eigenvectors");
  std::vector<double> work(18 * length);
  std::vector<int> iwork(10 * length);
  std::vector<int> support(2 * length);
  const int first = 1;
  const int last = static_cast<int>(count);
  const int lwork = static_cast<int>(work.size());
  const int liwork = static_cast<int>(iwork.size());
  const double unused = 0;
  int accurate = 1;
  int found = 0;
  int info = 0;
  eigenvalues.assign(length, 0.0);
  t.off_diagonal.push_back(0);  // dstemr wants room for one entry more beside the diagonal
  const BlasCall call;
  RANKME_BLAS(dstemr_)("V", "I", &order, t.diagonal.data(), t.off_diagonal.data(), &unused, &unused,
                       &first, &last, &found, eigenvalues.data(), vectors.data(), &order, &last,
                       support.data(), &accurate, work.data(), &lwork, iwork.data(), &liwork,
                       &info);
  if (info != 0) return {};
  eigenvalues.resize(static_cast<std::size_t>(count));
  return vectors;
}

// The same by divide and conquer, which fails on no cluster: it takes room for all n of them.
std::vector<double> smallest_by_division(Tridiagonal t, std::int64_t count,
                                         std::vector<double>& eigenvalues) {
  const std::size_t length = t.diagonal.size();
  const int order = static_cast<int>(length);
  std::vector<double> vectors = zeros(order, order, "eigenvectors");
  std::vector<double> work(1 + 4 * length + length * length);
  std::vector<int> iwork(3 + 5 * length);
  const int lwork = static_cast<int>(work.size());
  const int liwork = static_cast<int>(iwork.size());
  int info = 0;
  const BlasCall call;
  RANKME_BLAS(dstedc_)("I", &order, t.diagonal.data(), t.off_diagonal.data(), vectors.data(),
                       &order, work.data(), &lwork, iwork.data(), &liwork, &info);
  check("dstedc", info);
  const auto few = static_cast<std::size_t>(count);
  eigenvalues.assign(t.diagonal.begin(), t.diagonal.begin() + count);
  vectors.resize(few * length);
  return vectors;
}

// Eigenvectors of T to those of the matrix that `reduce` brought to it, (count, n) row-major.
void turn_back(const double* a, int order, const std::vector<double>& tau, double* vectors,
               std::int64_t count) {
  const int columns = static_cast<int>(count);
  const int query = -1;
  int info = 0;
  double best = 0;
  const BlasCall call;
  RANKME_BLAS(dormtr_)("L", "U", "N", &order, &columns, a, &order, tau.data(), vectors, &order,
                       &best, &query, &info);
  const int room = std::max(1, static_cast<int>(best));
  std::vector<double> work(static_cast<std::size_t>(room));
  RANKME_BLAS(dormtr_)("L", "U", "N", &order, &columns, a, &order, tau.data(), vectors, &order,
                       work.data(), &room, &info);
  check("dormtr", info);
}

}  // namespace

Tridiagonal tridiagonal(const double* matrix, std::int64_t n, std::vector<double> vector) {
  const int order = blas_order(n);
  if (n >= least_two_stage_order) {
    const double along = make_reflection(vector, 0);
    if (along == 0) vector.clear();
    Tridiagonal t = two_stage_tridiagonal(matrix, n, std::move(vector), team_of(n), kernels());
    t.along = along;
    return t;
  }
  Tridiagonal t{std::vector<double>(static_cast<std::size_t>(n)),
                std::vector<double>(static_cast<std::size_t>(n - 1)), 0};
  const double scale = scale_to_one(matrix, n);
  std::vector<double> scaled(static_cast<std::size_t>(n * n));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = i * n; k <= i * (n + 1); ++k) {
      scaled[static_cast<std::size_t>(k)] = matrix[k] * scale;
    }
  }
  // Of the upper triangle LAPACK leaves the last axis alone.
  const std::size_t last = static_cast<std::size_t>(n) - 1;
  t.along = make_reflection(vector, last);
  if (t.along != 0) reflect(scaled.data(), n, vector, last);
  reduce(scaled.data(), order, t);
  std::reverse(t.diagonal.begin(), t.diagonal.end());
  std::reverse(t.off_diagonal.begin(), t.off_diagonal.end());
  for (double& entry : t.diagonal) entry /= scale;
  for (double& entry : t.off_diagonal) entry /= scale;
  return t;
}

std::vector<double> symmetric_eigenvalues(const double* a, std::int64_t n) {
  return eigenvalues(tridiagonal(a, n, std::vector<double>(static_cast<std::size_t>(n))));
}

std::vector<double> smallest_eigenvectors(double* a, std::int64_t n, std::int64_t count,
                                          std::vector<double>* eigenvalues) {
  const int order = blas_order(n);
  const auto length = static_cast<std::size_t>(n);
  Tridiagonal t{std::vector<double>(length), std::vector<double>(length - 1), 0};
  const std::vector<double> tau = reduce(a, order, t);
  // Where all are wanted there is no room to save, and divide and conquer has a hundredth of the
  // skewness.
  std::vector<double> vectors;
  if (count < n) vectors = smallest_robustly(t, count, *eigenvalues);
  if (vectors.empty()) vectors = smallest_by_division(std::move(t), count, *eigenvalues);
  // Where LAPACK turns them in blocks it only reads the matrix, so threads may share it.
  const double work = static_cast<double>(n * n) * static_cast<double>(count) / least_work;
  const double wanted = n < least_two_stage_order ? 1 : std::min<double>(num_threads(), work);
  const int workers = std::max(1, static_cast<int>(std::min(wanted, static_cast<double>(count))));
  parallel_ranges(count, workers, [&](int, std::int64_t begin, std::int64_t end) {
    turn_back(a, order, tau, vectors.data() + begin * n, end - begin);
  });
  return vectors;
}

std::vector<double> eigenvalues(Tridiagonal t) {
  const auto n = static_cast<std::int64_t>(t.diagonal.size());
  if (n >= least_counted_order) {
    return SignCount(t.diagonal, t.off_diagonal, kernels()).eigenvalues(team_of(n));
  }
  const int order = static_cast<int>(n);
  int info = 0;
  const BlasCall call;
  RANKME_BLAS(dsterf_)(&order, t.diagonal.data(), t.off_diagonal.data(), &info);
  check("dsterf", info);
  return std::move(t.diagonal);
}

std::vector<double> bordered_eigenvalues(const Tridiagonal& t, double weight,
                                         double* perturbation) {
  const std::size_t n = t.diagonal.size();
  double norm = 0;
  for (std::size_t i = 0; i < n; ++i) {
    norm = std::max(norm, std::abs(t.diagonal[i]) + (i + 1 < n ? std::abs(t.off_diagonal[i]) : 0));
  }
  std::vector<double> u(n);
  std::vector<double> g(std::max<std::size_t>(1, n - 1));
  // Too small a pivot makes the next one negative by more than it was raised itself.
  double least = 4 * unit_roundoff * norm;
  Raised raised = factor(t, least, u, g);
  while (raised.most > 2 * least && least < norm) {
    least *= 4;
    raised = factor(t, least, u, g);
  }
  *perturbation = raised.norm;
  u[0] = std::hypot(u[0], std::sqrt(weight) * t.along);
  const int order = static_cast<int>(n);
  int info = 0;
  std::vector<double> work(4 * n);
  g.resize(n);
  const BlasCall call;
  RANKME_BLAS(dlasq1_)(&order, u.data(), g.data(), work.data(), &info);
  if (info != 0) throw LapackError("dlasq1", info, "the singular values did not converge");
  std::reverse(u.begin(), u.end());
  for (double& value : u) value *= value;
  return u;
}

}  // namespace rankme
