#include "rankme/mixed_sums.hpp"

#include <algorithm>
#include <utility>

#include "blas.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/measure.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"

namespace rankme {

void carry_float_probes(CentredSum& sum, const std::vector<double>& probes) {
  const int sets = float_probe_sets(sum.dim);
  if (sum.probe_sets() == sets) return;
  const auto by_set = static_cast<std::size_t>(sum.dim * probe_count);
  std::vector<double> products(static_cast<std::size_t>(sets) * by_set);
  std::vector<double> low(products);
  double unseen = 0;
  if (sum.rows > 0) {
    const CentredAccuracy accuracy = measure_accuracy(sum, probes);
    // What the rounding of means adds is counted where the sum is measured in the end.
    const double of_means = scatter_rounding(accuracy.scatter.trace, sum.mean_residual);
    unseen = std::max(sum.unseen, accuracy.scatter.delta - of_means);
    const int rows = probe_count;
    const int dim = static_cast<int>(sum.dim);
    const double one = 1;
    const double nothing = 0;
    for (std::size_t at = 0; at < products.size(); at += by_set) {
      // To Fortran the probes are 8 x dim and the matrix has its upper triangle.
      const BlasCall call;
      RANKME_BLAS(dsymm_)("R", "U", &rows, &dim, &one, sum.scatter.data(), &dim, probes.data() + at,
                          &rows, &nothing, products.data() + at, &rows);
    }
  }
  sum.probe_products = std::move(products);
  sum.probe_products_low = std::move(low);
  sum.unseen = unseen;
}

}  // namespace rankme
