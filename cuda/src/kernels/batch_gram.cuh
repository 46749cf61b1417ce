// Gram matrices of many small matrices: a block of threads each. A warp keeps the whole matrix in
// registers and reads its share of the entries straight into the layout of the tensor cores, so
// that no entry goes through shared memory.
#pragma once

#include "batch_entries.cuh"

namespace rankme::cuda::batch {

// Shared by the threads of one matrix.
template <int width>
struct Workspace {
  static constexpr int pitch = width + 1;
  double gram[width * pitch];  // lower triangle
  double power[width];         // what each vector is multiplied by, in two factors as UnitScale
  double inverse[width];
  double origin[width];  // the first entry of each vector as it enters the sum
  double means[width];
  double rows[width];
  std::int64_t first_bad[warp_size];  // one a warp
  int live[width];
  int n_live;
};

// What is done to entries on their way in, in this order.
struct Steps {
  bool scale = false;              // each vector by its factors in the workspace
  bool normalize_entries = false;  // entries of equal number, a row of Z, to unit norm
  bool shift = false;              // subtract the first row of Z from every row
  int ones = -1;                   // the vector that is all ones, or none
  RANKME_DEVICE bool any() const { return scale || normalize_entries || shift || ones >= 0; }
};

// One row of Z lies across the lanes that agree in lane % 4, `tiles` entries in each.
template <class Entry, int tiles, class Team>
RANKME_DEVICE void normalize_across(const Team& team, double (&a)[tiles]) {
  double squares = 0;
  RANKME_UNROLL
  for (int t = 0; t < tiles; ++t) squares += a[t] * a[t];
  for (int mask = 4; mask < warp_size; mask *= 2) squares += team.shuffle_xor(squares, mask);
  if constexpr (squares_may_overflow<Entry>) {
    // As unit_scale of block.hpp: a power of two first where squares leave the range.
    const bool extreme = !(squares > 1e-200 && squares < 1e200);
    if (team.any(extreme)) {
      double largest = 0;
      RANKME_UNROLL
      for (int t = 0; t < tiles; ++t) largest = fmax(largest, fabs(a[t]));
      for (int mask = 4; mask < warp_size; mask *= 2) {
        largest = fmax(largest, team.shuffle_xor(largest, mask));
      }
      const bool scaled = extreme && largest > 0;
      const int exponent = scaled ? ilogb(largest) : 0;
      const double power = ldexp(1.0, -(exponent < -1000  ? -1000
                                        : exponent > 1000 ? 1000
                                                          : exponent));
      double again = 0;
      RANKME_UNROLL
      for (int t = 0; t < tiles; ++t) {
        a[t] *= power;
        again += a[t] * a[t];
      }
      for (int mask = 4; mask < warp_size; mask *= 2) again += team.shuffle_xor(again, mask);
      squares = again;
    }
  }
  const double inverse = squares > 0 ? 1 / sqrt(squares) : 1;
  RANKME_UNROLL
  for (int t = 0; t < tiles; ++t) a[t] *= inverse;
}

// Entry k of each vector: lane l gets those of the vectors l / 4, 8 + l / 4, ...
template <class Entry, int tiles, class Team>
RANKME_DEVICE void take_steps(const Team& team, const Matrix& z, const Steps& steps,
                              const Workspace<8 * tiles>& work, std::int64_t k,
                              double (&a)[tiles]) {
  const int row = team.lane() / 4;
  if (steps.scale) {
    RANKME_UNROLL
    for (int t = 0; t < tiles; ++t) {
      a[t] = (a[t] * work.power[8 * t + row]) * work.inverse[8 * t + row];
    }
  }
  if (steps.normalize_entries) normalize_across<Entry, tiles>(team, a);
  if (steps.shift) {
    // The first row of Z is the first vector, or the first entry of every vector.
    const double first = team.shuffle(a[0], team.lane() % 4);
    RANKME_UNROLL
    for (int t = 0; t < tiles; ++t) {
      const int vector = 8 * t + row;
      const double origin = z.rows ? first : work.origin[vector];
      a[t] = vector < z.order && k < z.length ? a[t] - origin : 0;
    }
  }
  if (steps.ones >= 0) {
    RANKME_UNROLL
    for (int t = 0; t < tiles; ++t) {
      if (8 * t + row == steps.ones && k < z.length) a[t] = 1;
    }
  }
}

RANKME_DEVICE constexpr int triangle(int row, int column) { return row * (row + 1) / 2 + column; }

// C += A A^T in the lower triangle of tiles; two rows of tiles at a time, and the last on the
// diagonal alone. `live`: rows of tiles in which there is anything.
template <int tiles, class Team>
RANKME_DEVICE void add_products(const Team& team, const double (&a)[tiles], int live,
                                double (&c)[tiles * (tiles + 1) / 2][2]) {
  RANKME_UNROLL
  for (int i = 0; i < tiles; i += 2) {
    if (i < live) {
      RANKME_UNROLL
      for (int j = 0; j <= i; ++j) {
        multiply_16x8(team, c[triangle(i, j)], c[triangle(i + 1, j)], a[i], a[i + 1], a[j]);
      }
      multiply_8x8(team, c[triangle(i + 1, i + 1)], a[i + 1], a[i + 1]);
    }
  }
}

// work.gram <- the products of all vectors. Each warp adds up its share of the entries; the shares
// are added in the order of the warps, so that results repeat to the last bit.
template <class Entry, int tiles, class Team>
RANKME_DEVICE void accumulate(const Team& team, const Matrix& z, const Steps& steps,
                              Workspace<8 * tiles>& work) {
  constexpr int entries = Packet<Entry>::entries;
  constexpr int chunk = 4 * entries;  // of four lanes that read on from one another
  const int row = team.lane() / 4;
  const int column = team.lane() % 4;
  const int live = ((steps.ones >= 0 ? z.order + 1 : z.order) + 7) / 8;
  const bool plain = !steps.any();
  double c[tiles * (tiles + 1) / 2][2] = {};
  for (std::int64_t begin = team.warp() * chunk; begin < z.length; begin += team.warps() * chunk) {
    const std::int64_t k = begin + column * entries;
    Packet<Entry> packets[tiles];
    RANKME_UNROLL
    for (int t = 0; t < tiles; ++t) packets[t] = load_packet<Entry>(z, 8 * t + row, k);
    RANKME_UNROLL
    for (int s = 0; s < entries; ++s) {
      double a[tiles];
      RANKME_UNROLL
      for (int t = 0; t < tiles; ++t) a[t] = packets[t].value(s);
      if (!plain) take_steps<Entry, tiles>(team, z, steps, work, k + s, a);
      add_products<tiles>(team, a, live, c);
    }
  }

  for (int warp = 0; warp < team.warps(); ++warp) {
    if (warp == team.warp()) {
      RANKME_UNROLL
      for (int i = 0; i < tiles; ++i) {
        RANKME_UNROLL
        for (int j = 0; j <= i; ++j) {
          double* at = work.gram + (8 * i + row) * work.pitch + 8 * j + 2 * column;
          const double* mine = c[triangle(i, j)];
          at[0] = warp == 0 ? mine[0] : at[0] + mine[0];
          at[1] = warp == 0 ? mine[1] : at[1] + mine[1];
        }
      }
    }
    team.sync();
  }
}

// work.origin <- the first entry of each vector, with all steps but the shift, by the same
// arithmetic as in the sum, so that a row less an equal one is exactly zero.
template <class Entry, int tiles, class Team>
RANKME_DEVICE void find_origin(const Team& team, const Matrix& z, const Steps& steps,
                               Workspace<8 * tiles>& work) {
  if (team.warp() == 0) {
    const int row = team.lane() / 4;
    double a[tiles];
    // Packets begin where their size allows it: entry 0 is read by all lanes of a row.
    RANKME_UNROLL
    for (int t = 0; t < tiles; ++t) a[t] = load_packet<Entry>(z, 8 * t + row, 0).value(0);
    take_steps<Entry, tiles>(team, z, steps, work, 0, a);
    RANKME_UNROLL
    for (int t = 0; t < tiles; ++t) {
      if (team.lane() % 4 == 0) work.origin[8 * t + row] = a[t];
    }
  }
  team.sync();
}

// work.rows <- the largest magnitude of each vector, as far as all is finite. Returns where in Z
// the first entry lies that is not, or all_finite.
template <class Entry, int tiles, class Team>
RANKME_DEVICE std::int64_t scan(const Team& team, const Matrix& z, Workspace<8 * tiles>& work) {
  using Bits = typename Entry::Bits;
  std::int64_t first = all_finite;
  for (int i = team.warp(); i < z.order; i += team.warps()) {
    double largest = 0;
    for (std::int64_t k = team.lane(); k < z.length; k += warp_size) {
      const Bits bits = read_entry<Bits>(z.data + i * z.stride + k * z.step, z.access);
      const Bits magnitude = static_cast<Bits>(bits & Entry::magnitude);
      if (magnitude >= Entry::nonfinite) {
        const std::int64_t at = z.rows ? i * z.length + k : k * z.order + i;
        first = at < first ? at : first;
      } else {
        largest = fmax(largest, Entry::value(magnitude));
      }
    }
    for (int mask = warp_size / 2; mask > 0; mask /= 2) {
      largest = fmax(largest, team.shuffle_xor(largest, mask));
    }
    if (team.lane() == 0) work.rows[i] = largest;
  }
  // Positions are bits here: doubles carry them from lane to lane unchanged.
  for (int mask = warp_size / 2; mask > 0; mask /= 2) {
    const auto other = bits_to<std::int64_t>(team.shuffle_xor(bits_to<double>(first), mask));
    first = other < first ? other : first;
  }
  if (team.lane() == 0) work.first_bad[team.warp()] = first;
  team.sync();
  for (int warp = 0; warp < team.warps(); ++warp) {
    first = work.first_bad[warp] < first ? work.first_bad[warp] : first;
  }
  team.sync();
  return first;
}

}  // namespace rankme::cuda::batch
