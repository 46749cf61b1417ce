// Sums about the mean as sums about the origin, and back.
#include <algorithm>
#include <utility>
#include <vector>

#include "rankme/accuracy.hpp"
#include "rankme/centred_sum.hpp"
#include "rankme/probe.hpp"

namespace rankme {

GramSum CentredSum::uncentred(const double* probes) const& {
  return CentredSum(*this).uncentred(probes);
}

GramSum CentredSum::uncentred(const double* probes) && {
  GramSum sum(dim, std::move(scatter));
  sum.exponent = exponent;
  sum.blocks = blocks;
  sum.longest_block = longest_block;
  const double n = static_cast<double>(rows);
  std::vector<double> means(static_cast<std::size_t>(dim));
  for (std::int64_t j = 0; j < dim; ++j) {
    means[static_cast<std::size_t>(j)] = mean(j);
    sum.column_sums[static_cast<std::size_t>(j)] = n * mean(j);
  }
  double along[probe_count] = {};
  if (probes != nullptr) project(means.data(), dim, probes, along);
  for (std::int64_t i = 0; i < dim; ++i) {
    const double scaled = n * means[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j <= i; ++j) {
      const auto at = static_cast<std::size_t>(i * dim + j);
      sum.gram[at] += scaled * means[static_cast<std::size_t>(j)];
    }
    for (int c = 0; c < probe_count; ++c) {
      const auto at = static_cast<std::size_t>(i * probe_count + c);
      sum.probe_products[at] = probe_products[at] + probe_products_low[at] + scaled * along[c];
    }
  }
  return sum;
}

CentredSum CentredSum::from_uncentred(const GramSum& sum, std::int64_t n_rows,
                                      const double* probes) {
  CentredSum centred(sum.dim);
  centred.exponent = sum.exponent;
  centred.blocks = sum.blocks;
  centred.longest_block = sum.longest_block;
  centred.rows = n_rows;
  if (n_rows == 0) return centred;
  const double n = static_cast<double>(n_rows);
  double trace = 0;
  for (std::int64_t i = 0; i < sum.dim; ++i) {
    trace += sum.gram[static_cast<std::size_t>(i * sum.dim + i)];
  }
  centred.cancelled = trace;
  const double depth = addition_depth(sum.blocks, sum.longest_block);
  centred.unseen = column_centering_error(depth, sum.column_sums, trace, n);
  double along[probe_count] = {};
  if (probes != nullptr) project(sum.column_sums.data(), sum.dim, probes, along);
  for (std::int64_t i = 0; i < sum.dim; ++i) {
    const double mean = sum.column_sums[static_cast<std::size_t>(i)] / n;
    centred.offset.high[static_cast<std::size_t>(i)] = mean;
    for (std::int64_t j = 0; j <= i; ++j) {
      const auto at = static_cast<std::size_t>(i * sum.dim + j);
      centred.scatter[at] = sum.gram[at] - mean * sum.column_sums[static_cast<std::size_t>(j)];
    }
    for (int c = 0; c < probe_count; ++c) {
      const auto at = static_cast<std::size_t>(i * probe_count + c);
      centred.probe_products[at] =
          (sum.probe_products[at] - mean * along[c]) + sum.probe_products_low[at];
    }
  }
  for (std::int64_t i = 0; i < sum.dim; ++i) {
    centred.squares.add(centred.scatter[static_cast<std::size_t>(i * sum.dim + i)]);
  }
  for (int c = 0; c < probe_count; ++c)
    centred.mean_products[static_cast<std::size_t>(c)] = along[c];
  return centred;
}

}  // namespace rankme
