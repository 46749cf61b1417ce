#include "rankme/accuracy.hpp"

#include <algorithm>
#include <cmath>

#include "rankme/error.hpp"
#include "rankme/probe.hpp"

namespace rankme {

double euclidean_norm(std::span<const double> x) {
  double largest = 0;
  for (const double value : x) {
    if (std::isnan(value)) return value;
    largest = std::max(largest, std::abs(value));
  }
  if (!(largest > 0)) return largest;
  double squares = 0;
  for (const double value : x) squares += (value / largest) * (value / largest);
  return largest * std::sqrt(squares);
}

double addition_depth(std::int64_t blocks, std::int64_t longest_block) {
  return static_cast<double>(blocks) + static_cast<double>(longest_block);
}

double mean_depth(std::int64_t longest_block) {
  const double rows = static_cast<double>(longest_block);
  return rows * std::sqrt(1 + rows);
}

double scatter_chains(std::int64_t dim, std::int64_t blocks, std::int64_t longest_block) {
  return 1.01 * (2 * static_cast<double>(dim) + static_cast<double>(blocks) +
                 2 * static_cast<double>(longest_block) + 8);
}

double float_depth() {
  // Each factor, sixteen rows in registers, four sums of those; and as much again for what is of
  // second order and for the numbers that float32 has no room for.
  return 2 * (2 + 16 + 4) * 0x1p29;
}

double gram_chains(std::int64_t dim, double depth) {
  return 2 * (2 * static_cast<double>(dim) + 2 * depth + 8);
}

GramAccuracy judge(const Measured& measured) {
  const double dim = static_cast<double>(measured.dim);
  const double before = gram_chains(measured.dim, measured.depth) + 2 * measured.rows;
  const double allowed = (measured.chains * measured.trace + before * measured.cancelled) *
                         unit_roundoff * measured.probes_norm;
  // A NaN compares as nothing, and an infinite trace would allow everything.
  if (!(measured.residual <= allowed) || !std::isfinite(allowed)) {
    throw IntegrityError(measured.residual, allowed);
  }
  const double allowed_loss =
      2 * (measured.depth + dim + 32) * unit_roundoff * (measured.trace + measured.cancelled);
  if (!(std::abs(measured.lost) <= allowed_loss)) {
    throw IntegrityError(std::abs(measured.lost), allowed_loss);
  }
  const double delta = safety_of(measured.probe_sets) * measured.residual /
                           std::sqrt(static_cast<double>(measured.probe_sets * probe_count)) +
                       std::abs(measured.lost);
  return {measured.trace, measured.frobenius, delta};
}

double judge(const MeasuredMean& measured) {
  const double sum = std::sqrt(
      measured.n_rows * (measured.trace + measured.n_rows * measured.offset * measured.offset));
  const double allowed = 2 * (2 * static_cast<double>(measured.dim) + 2 * measured.depth + 8) *
                         unit_roundoff * sum * measured.probes_norm;
  if (!(measured.difference <= allowed) || !std::isfinite(allowed)) {
    throw IntegrityError(measured.difference, allowed);
  }
  return probe_safety * measured.difference /
         std::sqrt(static_cast<double>(probe_count) * measured.n_rows);
}

double scatter_rounding(double trace, double mean_residual) {
  return 2 * probe_safety * std::sqrt(trace * mean_residual) + 8 * unit_roundoff * trace;
}

double column_centering_error(double depth, std::span<const double> column_sums, double trace,
                              double n_rows) {
  // s s^T / N with every entry of s off by depth * u * sum |z|, and sum |z| <= sqrt(N) ||z||.
  const double mean_norm = euclidean_norm(column_sums) / std::sqrt(n_rows);
  const double from_sums = 2 * (depth + 1) * std::sqrt(trace) * mean_norm;
  const double from_products = 4 * mean_norm * mean_norm + trace;
  return unit_roundoff * (from_sums + from_products);
}

double two_sided_centering_error(std::int64_t dim, const GramAccuracy& accuracy) {
  // Means of n entries each, and three subtractions an entry.
  return (3 * static_cast<double>(dim) + 20) * unit_roundoff * accuracy.frobenius;
}

double subtraction_error(const GramAccuracy& accuracy) {
  return 2 * unit_roundoff * std::sqrt(accuracy.trace);
}

double block_centring_error(const GramAccuracy& accuracy, std::int64_t longest_block) {
  const double rows = static_cast<double>(longest_block);
  return unit_roundoff * (2 + std::sqrt(1 + rows)) * std::sqrt(accuracy.trace);
}

double solver_error(std::int64_t order) {
  // LAPACK promises p(n) u with a "modest" p. Matrices with a large mean on an identity show more
  // than sqrt(n); this is three times the largest that was seen
  // (docs/developers/decisions/005-probes.md).
  return 4 * (10 + 0.25 * static_cast<double>(order)) * unit_roundoff;
}

}  // namespace rankme
