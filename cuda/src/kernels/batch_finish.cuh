// From the products of the vectors to the matrix whose eigenvalues are wanted: what is done to a
// whole Gram matrix, and when it has to be added up once more.
#pragma once

#include "batch_gram.cuh"

namespace rankme::cuda::batch {

template <int width>
RANKME_DEVICE double entry(const Workspace<width>& work, int i, int j) {
  return i >= j ? work.gram[i * work.pitch + j] : work.gram[j * work.pitch + i];
}

template <int width>
RANKME_DEVICE double trace_of(const Workspace<width>& work, int order) {
  double trace = 0;
  for (int i = 0; i < order; ++i) trace += entry(work, i, i);
  return trace;
}

// Whether squares kept inside float64's range and nothing was NaN or infinite: then the sums show
// it, and no entry has to be looked at twice.
template <class Entry, int width>
RANKME_DEVICE bool ordinary(const Workspace<width>& work, const Matrix& z, bool each_vector) {
  if constexpr (!squares_may_overflow<Entry>) return trace_of(work, z.order) < HUGE_VAL;
  constexpr double low = 0x1p-400;
  constexpr double high = 0x1p400;
  if (!each_vector) {
    const double trace = trace_of(work, z.order);
    return trace > low && trace < high;
  }
  for (int i = 0; i < z.order; ++i) {
    if (!(entry(work, i, i) > low && entry(work, i, i) < high)) return false;
  }
  return true;
}

RANKME_DEVICE int exponent_of(double largest) {
  // Beyond +-1000 the factor itself would be subnormal.
  const int exponent = largest > 0 ? ilogb(largest) : 0;
  return exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent;
}

template <int width, class Team>
RANKME_DEVICE void set_scales(const Team& team, Workspace<width>& work) {
  for (int i = team.rank(); i < width; i += team.size()) work.power[i] = work.inverse[i] = 1;
  team.sync();
}

// Powers of two that bring the largest entry, of each vector or of all, near 1. Returns the common
// exponent.
template <int width, class Team>
RANKME_DEVICE int choose_powers(const Team& team, int order, bool each_vector,
                                Workspace<width>& work) {
  double largest = 0;
  for (int i = 0; i < order; ++i) largest = fmax(largest, work.rows[i]);
  for (int i = team.rank(); i < width; i += team.size()) {
    const double own = i < order ? work.rows[i] : 0;
    work.power[i] = ldexp(1.0, -exponent_of(each_vector ? own : largest));
  }
  team.sync();
  return each_vector ? 0 : exponent_of(largest);
}

// Rows of Z to unit norm, by the norms that stand on the diagonal.
template <int width, class Team>
RANKME_DEVICE void normalize_vectors(const Team& team, int order, Workspace<width>& work) {
  for (int i = team.rank(); i < width; i += team.size()) {
    const double squares = i < order ? entry(work, i, i) : 0;
    work.inverse[i] = squares > 0 ? 1 / sqrt(squares) : 1;
  }
  team.sync();
  for (int i = team.rank(); i < order; i += team.size()) {
    for (int j = 0; j <= i; ++j) {
      double& g = work.gram[i * work.pitch + j];
      g = (g * work.inverse[i]) * work.inverse[j];
    }
  }
  team.sync();
}

// Whether rows of Z are nearer to the first of them than to zero (as mean_dominates of
// spectrum.cpp, of all rows): their mean is then longer than the spread around it, and centring
// would cancel.
template <int width>
RANKME_DEVICE bool mean_dominates(const Workspace<width>& work, const Matrix& z) {
  const double from_zero = trace_of(work, z.order);
  double from_first = 0;
  for (int i = 0; i < z.order; ++i) {
    if (z.rows) {
      from_first += (entry(work, i, i) - 2 * entry(work, i, 0)) + entry(work, 0, 0);
    } else {
      const double origin = work.origin[i];
      const double sum = entry(work, z.order, i);
      from_first +=
          (entry(work, i, i) - 2 * origin * sum) + static_cast<double>(z.length) * origin * origin;
    }
  }
  return from_first < 0.5 * from_zero;
}

// The dimensions in which there is anything, as live_dimensions of spectrum.cpp. Where rows are the
// vectors and are centred, all: the mean is taken over the zero ones as well.
template <int width, class Team>
RANKME_DEVICE void find_live(const Team& team, const Matrix& z, bool center,
                             Workspace<width>& work) {
  if (team.rank() == 0) {
    int n_live = 0;
    for (int i = 0; i < z.order; ++i) {
      const bool has_sum = center && !z.rows && entry(work, z.order, i) != 0;
      if (entry(work, i, i) > 0 || has_sum || (center && z.rows)) work.live[n_live++] = i;
    }
    work.n_live = n_live;
  }
  team.sync();
}

template <int width, class Team>
RANKME_DEVICE void measure(const Team& team, const Matrix& z, bool column_sums,
                           Workspace<width>& work, Facts& facts) {
  for (int i = team.rank(); i < z.order; i += team.size()) {
    double squares = 0;
    for (int j = 0; j < z.order; ++j) squares += entry(work, i, j) * entry(work, i, j);
    work.rows[i] = squares;
  }
  team.sync();
  double squares = 0;
  double sums = 0;
  for (int i = 0; i < z.order; ++i) {
    squares += work.rows[i];
    if (column_sums) sums += entry(work, z.order, i) * entry(work, z.order, i);
  }
  facts.trace = trace_of(work, z.order);
  facts.frobenius = sqrt(squares);
  facts.sums_norm = sqrt(sums);
  team.sync();
}

// G - s s^T / N with the sums s that the ones collected; or H G H with H = I - 1 1^T / N.
template <int width, class Team>
RANKME_DEVICE void center(const Team& team, const Matrix& z, Workspace<width>& work) {
  const double n = static_cast<double>(z.rows ? z.order : z.length);
  for (int i = team.rank(); i < z.order; i += team.size()) {
    double sum = 0;
    if (z.rows) {
      for (int j = 0; j < z.order; ++j) sum += entry(work, i, j);
    } else {
      sum = entry(work, z.order, i);
    }
    work.means[i] = sum / n;
  }
  team.sync();
  double grand_mean = 0;
  for (int i = 0; i < z.order; ++i) grand_mean += work.means[i] / n;
  for (int i = team.rank(); i < z.order; i += team.size()) {
    for (int j = 0; j <= i; ++j) {
      double& g = work.gram[i * work.pitch + j];
      g -= z.rows ? work.means[j] + (work.means[i] - grand_mean)
                  : work.means[i] * entry(work, z.order, j);
    }
  }
  team.sync();
}

// The whole way of one matrix. Every thread gets the facts; out gets the live part of the matrix,
// full and row-major. Nearly always one round is enough. Another follows where squares left the
// range, with powers of two, and where centring would cancel, with the first row subtracted.
template <class Entry, int tiles, class Team>
RANKME_DEVICE Facts gram_of(const Team& team, const Matrix& z, const Options& options,
                            Workspace<8 * tiles>& work, double* out) {
  Facts facts{all_finite, 0, 0, 0, 0, 0};
  const bool unit_vectors = options.normalize && z.rows;
  Steps steps;
  steps.normalize_entries = options.normalize && !z.rows;
  steps.ones = options.center && !z.rows ? z.order : -1;
  set_scales(team, work);
  bool looked = false;
  for (bool again = true; again;) {
    again = false;
    accumulate<Entry, tiles>(team, z, steps, work);
    if (!looked && !ordinary<Entry>(work, z, unit_vectors)) {
      facts.nonfinite = scan<Entry, tiles>(team, z, work);
      if (facts.nonfinite != all_finite) return facts;
      if constexpr (squares_may_overflow<Entry>) {
        facts.exponent = choose_powers(team, z.order, unit_vectors, work);
        // Rows of length 1 keep no trace of a common factor.
        if (options.normalize) facts.exponent = 0;
        steps.scale = again = true;
      }
      looked = true;
    } else if (!steps.shift) {
      if (unit_vectors) {
        normalize_vectors(team, z.order, work);
        steps.scale = true;
      }
      if (options.center && !z.rows) find_origin<Entry, tiles>(team, z, steps, work);
      steps.shift = looked = again = options.center && mean_dominates(work, z);
      team.sync();
    }
  }

  find_live(team, z, options.center, work);
  measure(team, z, steps.ones >= 0, work, facts);
  if (options.center) center(team, z, work);
  facts.order = work.n_live;
  for (int i = team.rank(); i < facts.order * facts.order; i += team.size()) {
    out[i] = entry(work, work.live[i / facts.order], work.live[i % facts.order]);
  }
  return facts;
}

}  // namespace rankme::cuda::batch
