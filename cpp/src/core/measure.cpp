#include "rankme/measure.hpp"

#include <algorithm>
#include <cmath>

#include "products.hpp"
#include "rankme/entropy.hpp"
#include "rankme/error.hpp"
#include "rankme/probe.hpp"

namespace rankme {

namespace {

// ||A X - Y||_F over all sets of probes
template <class Sum>
double residual(const Sum& sum, const std::vector<double>& matrix,
                const std::vector<double>& probes) {
  // As many sets of probes as the sum has products.
  const std::int64_t by_set = sum.dim * probe_count;
  const auto all = static_cast<std::int64_t>(sum.probe_products.size());
  std::vector<double> difference;
  for (std::int64_t at = 0; at < all; at += by_set) {
    const auto set = probes.begin() + at;
    const std::vector<double> product =
        multiply_symmetric(matrix.data(), sum.dim, {set, set + by_set}, probe_count);
    difference.insert(difference.end(), product.begin(), product.end());
  }
  for (std::size_t i = 0; i < difference.size(); ++i) {
    difference[i] = difference[i] - sum.probe_products[i] - sum.probe_products_low[i];
  }
  return euclidean_norm(difference);
}

template <class Sum>
GramAccuracy measure(const Sum& sum, const std::vector<double>& matrix,
                     const std::vector<double>& probes, Measured measured = {}) {
  measured.dim = sum.dim;
  double squares = 0;
  CompensatedSum lost;
  for (std::int64_t i = 0; i < sum.dim; ++i) {
    const double* row = matrix.data() + i * sum.dim;
    for (std::int64_t j = 0; j < i; ++j) squares += 2 * row[j] * row[j];
    squares += row[i] * row[i];
    measured.trace += row[i];
    lost.add(row[i]);
  }
  if (sum.squares.high > 0) {
    lost.add(-sum.squares.high);
    lost.add(-sum.squares.low);
    measured.lost = lost.value();
  }
  measured.frobenius = std::sqrt(squares);
  measured.residual = residual(sum, matrix, probes);
  measured.probes_norm = euclidean_norm({probes.data(), sum.probe_products.size()});
  return judge(measured);
}

// sum (z - origin) X over all rows, less n times the offset of the mean
double mean_difference(const CentredSum& sum, const std::vector<double>& probes) {
  const double n = static_cast<double>(sum.rows);
  std::vector<double> difference = sum.mean_products;
  for (std::int64_t j = 0; j < sum.dim; ++j) {
    const auto at = static_cast<std::size_t>(j);
    const double offset = n * (sum.offset.high[at] + sum.offset.low[at]);
    for (int c = 0; c < probe_count; ++c) {
      difference[static_cast<std::size_t>(c)] -=
          offset * probes[static_cast<std::size_t>(j * probe_count + c)];
    }
  }
  return euclidean_norm(difference);
}

}  // namespace

GramAccuracy measure_accuracy(const GramSum& sum, const std::vector<double>& probes) {
  Measured known{};
  known.depth = addition_depth(sum.blocks, sum.longest_block);
  known.chains = gram_chains(sum.dim, known.depth);
  return measure(sum, sum.gram, probes, known);
}

CentredAccuracy measure_accuracy(const CentredSum& sum, const std::vector<double>& probes) {
  Measured known{};
  const double in_float = sum.float_rows > 0 ? float_depth() : 0;
  const double float_lost = std::abs(sum.float_lost);
  known.depth = addition_depth(sum.blocks, sum.longest_block) + in_float;
  known.chains = scatter_chains(sum.dim, sum.blocks, sum.longest_block) + in_float;
  known.probe_sets = sum.probe_sets();
  known.cancelled = sum.cancelled;
  known.rows = static_cast<double>(sum.rows);
  CentredAccuracy accuracy{measure(sum, sum.scatter, probes, known), 0};
  // Where most has cancelled, what is left of the trace may be below zero; the exact one is not.
  double& trace = accuracy.scatter.trace;
  trace = std::max(trace, 0.0) + std::sqrt(static_cast<double>(sum.dim)) * sum.unseen;
  const MeasuredMean mean{
      static_cast<double>(sum.rows),
      addition_depth(sum.blocks, sum.longest_block),
      trace + sum.cancelled,
      euclidean_norm(sum.offset.high),
      mean_difference(sum, probes),
      euclidean_norm({probes.data(), static_cast<std::size_t>(sum.dim * probe_count)}),
      sum.dim};
  accuracy.mean = judge(mean);
  const double allowed = 2 * in_float * unit_roundoff * trace;
  if (!(float_lost <= allowed)) throw IntegrityError(float_lost, allowed);
  accuracy.scatter.delta += float_lost + sum.unseen + scatter_rounding(trace, sum.mean_residual);
  return accuracy;
}

}  // namespace rankme
