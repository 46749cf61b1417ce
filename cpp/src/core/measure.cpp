#include "rankme/measure.hpp"

#include <cmath>

#include "blas.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// ||G X - Y||_F
double residual(const GramSum& sum, const std::vector<double>& probes) {
  const int rows = probe_count;
  const int dim = static_cast<int>(sum.dim);
  const double one = 1;
  const double minus_one = -1;
  std::vector<double> difference = sum.probe_products;
  // To Fortran the probes are 8 x dim and the matrix has its upper triangle.
  const BlasCall call;
  RANKME_BLAS(dsymm_)("R", "U", &rows, &dim, &one, sum.gram.data(), &dim, probes.data(), &rows,
                      &minus_one, difference.data(), &rows);
  return euclidean_norm(difference);
}

}  // namespace

GramAccuracy measure_accuracy(const GramSum& sum, const std::vector<double>& probes) {
  Measured measured{};
  measured.dim = sum.dim;
  measured.depth = addition_depth(sum.blocks, sum.longest_block);
  double squares = 0;
  for (std::int64_t i = 0; i < sum.dim; ++i) {
    const double* row = sum.gram.data() + i * sum.dim;
    for (std::int64_t j = 0; j < i; ++j) squares += 2 * row[j] * row[j];
    squares += row[i] * row[i];
    measured.trace += row[i];
  }
  measured.frobenius = std::sqrt(squares);
  measured.residual = residual(sum, probes);
  measured.probes_norm = euclidean_norm(probes);
  return judge(measured);
}

}  // namespace rankme
