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

void check(int info) {
  if (info < 0) throw LapackError("dsyevd", info, "an argument had an illegal value");
  if (info > 0) {
    throw LapackError("dsyevd", info,
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
  const BlasCall call;
  RANKME_BLAS(dsyevd_)("N", "U", &order, a, &order, eigenvalues.data(), &best_work, &query,
                       &best_iwork, &query, &info);
  check(info);

  const int lwork = std::max(1, static_cast<int>(best_work));
  const int liwork = std::max(1, best_iwork);
  std::vector<double> work(static_cast<std::size_t>(lwork));
  std::vector<int> iwork(static_cast<std::size_t>(liwork));
  std::optional<SingleThreadedBlas> single;
  if (n <= most_single_threaded_order) single.emplace();
  RANKME_BLAS(dsyevd_)("N", "U", &order, a, &order, eigenvalues.data(), work.data(), &lwork,
                       iwork.data(), &liwork, &info);
  check(info);
  return eigenvalues;
}

}  // namespace rankme
