#include "two_stage.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "multiversion.hpp"
#include "rankme/memory.hpp"
#include "team.hpp"
#include "to_band.hpp"
#include "to_tridiagonal.hpp"

namespace rankme {

namespace {

constexpr std::int64_t magnitude = 0x7fffffffffffffff;

// The largest magnitude of some entries, as bits: NaN and infinity are above all others.
RANKME_MULTIVERSION std::int64_t largest_bits(const double* entries, std::int64_t count) {
  std::int64_t largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::int64_t>(entries[i]) & magnitude;
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

}  // namespace

double scale_to_one(const double* matrix, std::int64_t order) {
  std::int64_t bits = 0;
  for (std::int64_t i = 0; i < order; ++i) {
    bits = std::max(bits, largest_bits(matrix + i * order, i + 1));
  }
  const auto largest = std::bit_cast<double>(bits);
  if (!std::isfinite(largest)) {
    throw std::invalid_argument("a symmetric matrix of order " + std::to_string(order) +
                                " has an entry that is not finite");
  }
  // A subnormal number is brought near to 1, as far as a power of two goes.
  return largest == 0 ? 1 : std::ldexp(1.0, std::min(-std::ilogb(largest), 1023));
}

Tridiagonal two_stage_tridiagonal(const double* matrix, std::int64_t order,
                                  std::vector<double> reflection, int threads,
                                  const Kernels& kernels) {
  const auto n = static_cast<std::size_t>(order);
  Tridiagonal t{std::vector<double>(n), std::vector<double>(n - 1), 0};
  const double scale = scale_to_one(matrix, order);
  AlignedDoubles storage =
      zeros<AlignedDoubles>(1, Band::size(order), "the eigenvalues' working copy");
  const Band band{storage.data(), order};
  ToBand to_band(matrix, order, scale, kernels);
  if (!reflection.empty()) to_band.reflect_first(std::move(reflection));
  ToTridiagonal to_tridiagonal(band, kernels);
  run_team(threads, [&](int member, Barrier& barrier) {
    to_band.work(member, barrier, band);
    barrier.arrive();
    to_tridiagonal.work();
  });
  for (std::int64_t i = 0; i < order; ++i) {
    t.diagonal[static_cast<std::size_t>(i)] = *band.at(i, i) / scale;
    if (i + 1 < order) t.off_diagonal[static_cast<std::size_t>(i)] = *band.at(i + 1, i) / scale;
  }
  return t;
}

}  // namespace rankme
