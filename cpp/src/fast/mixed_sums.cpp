#include "rankme/mixed_sums.hpp"

#include <algorithm>
#include <utility>

#include "products.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/measure.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"

namespace rankme {

namespace {

// matrix X for all sets of probes
std::vector<double> products_of(const CentredSum& sum, int sets,
                                const std::vector<double>& probes) {
  const auto by_set = static_cast<std::size_t>(sum.dim * probe_count);
  std::vector<double> products(static_cast<std::size_t>(sets) * by_set);
  for (std::size_t at = 0; at < products.size() && sum.rows > 0; at += by_set) {
    const auto set = probes.begin() + static_cast<std::ptrdiff_t>(at);
    const std::vector<double> product = multiply_symmetric(
        sum.scatter.data(), sum.dim, {set, set + static_cast<std::ptrdiff_t>(by_set)}, probe_count);
    std::copy(product.begin(), product.end(), products.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return products;
}

}  // namespace

CarriedProbes carried_probes(const CentredSum& sum, int sets, const std::vector<double>& probes) {
  CarriedProbes carried{products_of(sum, sets, probes), {}, 0, {}};
  carried.low.resize(carried.products.size());
  if (sum.rows > 0) {
    const CentredAccuracy accuracy = measure_accuracy(sum, probes);
    // What the rounding of means adds is counted where the sum is measured in the end.
    const double of_means = scatter_rounding(accuracy.scatter.trace, sum.mean_residual);
    carried.unseen = std::max(sum.unseen, accuracy.scatter.delta - of_means);
  }
  if (sum.squares.high == 0) return carried;
  // What the trace has lost is among what is unseen from now on.
  for (std::int64_t i = 0; i < sum.dim; ++i) {
    carried.squares.add(sum.scatter[static_cast<std::size_t>(i * (sum.dim + 1))]);
  }
  return carried;
}

void carry(CentredSum& sum, CarriedProbes&& carried) {
  sum.probe_products = std::move(carried.products);
  sum.probe_products_low = std::move(carried.low);
  sum.unseen = carried.unseen;
  sum.float_lost = 0;  // it is among that
  sum.squares = carried.squares;
}

void carry_probe_sets(CentredSum& sum, int sets, const std::vector<double>& probes) {
  if (sum.probe_sets() != sets) carry(sum, carried_probes(sum, sets, probes));
}

}  // namespace rankme
