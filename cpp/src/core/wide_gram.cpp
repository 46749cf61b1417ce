#include "wide_gram.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "nearly_dead.hpp"
#include "rankme/accuracy.hpp"
#include "rankme/budget.hpp"
#include "rankme/eigen.hpp"
#include "rankme/group_sums.hpp"
#include "rankme/measure.hpp"
#include "rankme/one_shot.hpp"
#include "rankme/probe.hpp"
#include "rankme/threads.hpp"
#include "rankme/widen.hpp"
#include "tails.hpp"

namespace rankme {

std::vector<UnitScale> row_scales(const MatrixView& z) {
  std::vector<UnitScale> scales(static_cast<std::size_t>(z.rows));
  std::vector<double> row(static_cast<std::size_t>(z.cols));
  for (std::int64_t i = 0; i < z.rows; ++i) {
    if (!widen(z.row_range(i, i + 1), Layout::row_major, row.data()).finite) {
      throw_first_nonfinite(z);
    }
    scales[static_cast<std::size_t>(i)] = unit_scale(row.data(), z.cols, 1);
  }
  return scales;
}

void keep_dimensions(std::vector<double>& matrix, std::int64_t dim,
                     const std::vector<std::int64_t>& kept) {
  const auto order = static_cast<std::int64_t>(kept.size());
  if (order == dim) return;
  for (std::int64_t i = 0; i < order; ++i) {
    const double* from = matrix.data() + kept[static_cast<std::size_t>(i)] * dim;
    double* to = matrix.data() + i * order;
    for (std::int64_t j = 0; j <= i; ++j) to[j] = from[kept[static_cast<std::size_t>(j)]];
  }
}

namespace {

// G <- H G H with H = I - 1 1^T / N, where G = Z Z^T is the N x N Gram matrix of the rows: the
// same centring seen from the other side, which needs no column sums.
void center_both_sides(GramSum& sum) {
  const std::int64_t n = sum.dim;
  std::vector<double> means(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    const double* row = sum.gram.data() + i * n;
    for (std::int64_t j = 0; j < i; ++j) {
      means[static_cast<std::size_t>(i)] += row[j];
      means[static_cast<std::size_t>(j)] += row[j];
    }
    means[static_cast<std::size_t>(i)] += row[i];
  }
  double grand_mean = 0;
  for (double& mean : means) {
    mean /= static_cast<double>(n);
    grand_mean += mean / static_cast<double>(n);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    double* row = sum.gram.data() + i * n;
    const double shift = means[static_cast<std::size_t>(i)] - grand_mean;
    for (std::int64_t j = 0; j <= i; ++j) row[j] -= means[static_cast<std::size_t>(j)] + shift;
  }
}

// Of the dimensions that are live; at_hand: the lines of the larger side, if they are.
SingularValues from_gram(GramSum sum, std::vector<std::int64_t> live, const Extent& extent,
                         const GramAccuracy& accuracy, bool center, const TailLines* at_hand) {
  const double depth = addition_depth(sum.blocks, sum.longest_block);
  std::vector<double> squares;
  for (const std::int64_t i : live) {
    squares.push_back(largest_square(sum.gram[static_cast<std::size_t>(i * (sum.dim + 1))], depth));
  }
  keep_dimensions(sum.gram, sum.dim, live);
  const double absolute = center ? subtraction_error(accuracy) : 0;
  const auto order = static_cast<std::int64_t>(live.size());
  if (order == 0) return from_eigenvalues({}, sum.exponent, extent, accuracy, absolute);
  // Of entries that both means have been taken from, the diagonal knows no more than the rest.
  const SmallColumns columns =
      center ? SmallColumns{} : small_columns({sum.gram.data(), order}, squares, depth, accuracy);
  TwoTriangles kept(sum.gram.data(), order);
  SingularValues values = from_eigenvalues(symmetric_eigenvalues(sum.gram.data(), order),
                                           sum.exponent, extent, accuracy, absolute, columns);
  const double scale = values.scaled.front() * values.scaled.front();
  if (at_hand != nullptr && has_tail(values, extent, scale)) {
    kept.restore();
    TailLines lines = *at_hand;
    lines.exponent = sum.exponent;
    lines.less_first_and_mean = center;
    improve_tail(values, extent, scale, {std::move(sum.gram), std::move(live), accuracy, absolute},
                 lines);
  }
  return values;
}

// Z Z^T, and what its entries went through.
struct WideGram {
  std::vector<UnitScale> scales;
  std::vector<double> probes;
  GramSum sum;
  GramAccuracy accuracy;

  TailLines lines(const MatrixView& z) const {
    return {.lines = z.transposed(), .column_scales = scales.empty() ? nullptr : scales.data()};
  }
};

WideGram wide_gram(const MatrixView& z, bool center, bool normalize) {
  std::vector<UnitScale> scales = normalize ? row_scales(z) : std::vector<UnitScale>{};
  Preparation preparation;
  if (!scales.empty()) preparation.column_scales = scales.data();
  preparation.subtract_first_column = center && mean_dominates(sample_of(z), normalize);
  std::vector<double> probes = gaussian_probes(z.rows, 0);
  std::optional<GramSum> sum = gram_sum(z.transposed(), probes, preparation);
  if (!sum) throw_first_nonfinite(z);
  const GramAccuracy accuracy = measure_accuracy(*sum, probes);
  return {std::move(scales), std::move(probes), std::move(*sum), accuracy};
}

// lines: those of z, where it has just the rows of the sum.
SingularValues from_wide_gram(GramSum sum, GramAccuracy accuracy, const Extent& extent, bool center,
                              const TailLines* lines) {
  std::vector<std::int64_t> live;
  if (center) {
    // Rows of Z: the mean is taken over all of them, those of zeros as well.
    accuracy.delta += two_sided_centering_error(sum.dim, accuracy);
    center_both_sides(sum);
    live.resize(static_cast<std::size_t>(sum.dim));
    std::iota(live.begin(), live.end(), 0);
  } else {
    live = live_dimensions(sum.gram.data(), sum.dim + 1, sum.column_sums.data(), sum.dim);
  }
  return from_gram(std::move(sum), std::move(live), extent, accuracy, center, lines);
}

// The sum of some of the rows. An error of the whole matrix is no smaller than that of a part.
GramSum part_of(const GramSum& sum, const std::vector<std::int64_t>& kept) {
  GramSum part(static_cast<std::int64_t>(kept.size()));
  part.exponent = sum.exponent;
  part.blocks = sum.blocks;
  part.longest_block = sum.longest_block;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const double* from = sum.gram.data() + kept[i] * sum.dim;
    double* to = part.gram.data() + static_cast<std::int64_t>(i) * part.dim;
    for (std::size_t j = 0; j <= i; ++j) to[j] = from[kept[j]];
    part.column_sums[i] = sum.column_sums[static_cast<std::size_t>(kept[i])];
  }
  return part;
}

}  // namespace

SingularValues by_wide_gram(const MatrixView& z, bool center, bool normalize) {
  WideGram gram = wide_gram(z, center, normalize);
  const TailLines lines = gram.lines(z);
  const Extent extent = extent_of(z.rows, z.cols, center, normalize);
  return from_wide_gram(std::move(gram.sum), gram.accuracy, extent, center, &lines);
}

GroupSpectra leave_out_spectra(const MatrixView& z, const std::int64_t* groups,
                               std::int64_t n_groups, bool center, bool normalize) {
  std::vector<std::vector<std::int64_t>> rows(static_cast<std::size_t>(n_groups));
  for (std::int64_t row = 0; row < z.rows; ++row) {
    if (groups[row] < 0 || groups[row] >= n_groups) {
      throw std::out_of_range("row " + std::to_string(row) + " is of group " +
                              std::to_string(groups[row]) + " of " + std::to_string(n_groups));
    }
    rows[static_cast<std::size_t>(groups[row])].push_back(row);
  }
  GroupSpectra found;
  for (const auto& of : rows) found.rows.push_back(static_cast<std::int64_t>(of.size()));
  std::erase_if(rows, [](const auto& of) { return of.empty(); });
  if (rows.size() < 2)
    throw std::invalid_argument("rows without a group need two groups with rows");

  WideGram gram = wide_gram(z, center, normalize);
  found.filled.resize(rows.size());
  const double order = static_cast<double>(z.rows);
  const double work = order * order * order * static_cast<double>(rows.size() + 1) / least_work;
  const double wanted = std::min<double>(num_threads(), static_cast<double>(rows.size() + 1));
  const int workers = static_cast<int>(std::clamp(std::floor(work), 1.0, wanted));
  const auto one = [&](std::size_t at) {
    if (at == rows.size()) {
      const TailLines lines = gram.lines(z);
      const Extent extent = extent_of(z.rows, z.cols, center, normalize);
      found.whole = from_wide_gram(gram.sum, gram.accuracy, extent, center, &lines);
      return;
    }
    std::vector<std::int64_t> kept;
    for (std::int64_t row = 0; row < z.rows; ++row) {
      if (!std::binary_search(rows[at].begin(), rows[at].end(), row)) kept.push_back(row);
    }
    const Extent extent =
        extent_of(static_cast<std::int64_t>(kept.size()), z.cols, center, normalize);
    found.filled[at] =
        from_wide_gram(part_of(gram.sum, kept), gram.accuracy, extent, center, nullptr);
  };
  parallel_ranges(static_cast<std::int64_t>(rows.size()) + 1, workers,
                  [&](int, std::int64_t begin, std::int64_t end) {
                    std::optional<OneThread> alone;
                    if (workers > 1) alone.emplace();
                    for (std::int64_t at = begin; at < end; ++at) one(static_cast<std::size_t>(at));
                  });
  return found;
}

}  // namespace rankme
