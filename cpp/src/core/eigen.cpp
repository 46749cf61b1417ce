#include "rankme/eigen.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include "blas.hpp"
#include "rankme/error.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// The reduction to tridiagonal form by way of a band reads the matrix a few times and not once a
// column. From this order on it wins where one thread does it; the other way has more to gain from
// several.
constexpr std::int64_t least_two_stage_order = 3072;

void check(const char* routine, int info) {
  if (info < 0) throw LapackError(routine, info, "an argument had an illegal value");
  if (info > 0) {
    throw LapackError(routine, info,
                      "the tridiagonal QL iteration left " + std::to_string(info) +
                          " off-diagonal elements that did not converge to zero");
  }
}

}  // namespace

std::vector<double> symmetric_eigenvalues(double* a, std::int64_t n) {
  if (n > std::numeric_limits<int>::max()) {
    throw std::length_error("a matrix of order " + std::to_string(n) +
                            " is beyond LAPACK's 32-bit interface");
  }
  const int order = static_cast<int>(n);
  const int query = -1;
  double best_work = 0;
  int best_iwork = 0;
  int info = 0;
  std::vector<double> eigenvalues(static_cast<std::size_t>(n));
  std::optional<SingleThreadedBlas> single;
  if (n <= most_single_threaded_order) single.emplace();
  const BlasCall call;
  const bool two_stage = n >= least_two_stage_order && RANKME_BLAS(openblas_get_num_threads)() == 1;
  const auto solve = two_stage ? RANKME_BLAS(dsyevd_2stage_) : RANKME_BLAS(dsyevd_);
  const char* const routine = two_stage ? "dsyevd_2stage" : "dsyevd";
  solve("N", "U", &order, a, &order, eigenvalues.data(), &best_work, &query, &best_iwork, &query,
        &info);
  check(routine, info);

  const int lwork = std::max(1, static_cast<int>(best_work));
  const int liwork = std::max(1, best_iwork);
  std::vector<double> work(static_cast<std::size_t>(lwork));
  std::vector<int> iwork(static_cast<std::size_t>(liwork));
  solve("N", "U", &order, a, &order, eigenvalues.data(), work.data(), &lwork, iwork.data(), &liwork,
        &info);
  check(routine, info);
  return eigenvalues;
}

}  // namespace rankme
