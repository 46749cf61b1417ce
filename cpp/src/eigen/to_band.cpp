#include "to_band.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "multiversion.hpp"

namespace rankme {

namespace {

// More slices balance more threads, and each of them costs a row of tiles and its sum.
constexpr std::int64_t most_slices = 6;
constexpr std::int64_t least_slice_rows = 4;
// Rows of a slice that go through a tile column together, so that its V and W are read once for
// all.
constexpr std::int64_t rows_together = 16;

constexpr std::int64_t side = tile_side;
constexpr std::int64_t block_stride = 2 * side;

// What is taken in turns: the matrix, the product with the vector, the reflection; of every panel
// the slices twice and the rows.
constexpr std::int64_t turns_before = 3;
constexpr std::int64_t turns_a_panel = 3;

// y += A x, A column-major.
RANKME_MULTIVERSION void multiply_tile(const double* a, const double* x, double* y) {
  double sums[side] = {};
  for (std::int64_t c = 0; c < side; ++c) {
    for (std::int64_t r = 0; r < side; ++r) sums[r] += a[c * side + r] * x[c];
  }
  for (std::int64_t r = 0; r < side; ++r) y[r] += sums[r];
}

// y += A^T x
RANKME_MULTIVERSION void multiply_transposed(const double* a, const double* x, double* y) {
  constexpr std::int64_t chains = 8;
  for (std::int64_t c = 0; c < side; ++c) {
    double sums[chains] = {};
    for (std::int64_t r = 0; r < side; r += chains) {
      for (std::int64_t k = 0; k < chains; ++k) sums[k] += a[c * side + r + k] * x[r + k];
    }
    for (std::int64_t half = chains / 2; half > 0; half /= 2) {
      for (std::int64_t k = 0; k < half; ++k) sums[k] += sums[k + half];
    }
    y[c] += sums[0];
  }
}

// A -= v q^T + w u^T
RANKME_MULTIVERSION void subtract_outer(double* a, const double* v, const double* q,
                                        const double* w, const double* u) {
  for (std::int64_t c = 0; c < side; ++c) {
    for (std::int64_t r = 0; r < side; ++r) a[c * side + r] -= v[r] * q[c] + w[r] * u[c];
  }
}

}  // namespace

ToBand::ToBand(const double* matrix, std::int64_t order, double scale, const Kernels& kernels)
    : matrix_(matrix),
      order_(order),
      scale_(scale),
      kernels_(kernels),
      count_((order + side - 1) / side),
      storage_(Tiles::size(count_)),
      tiles_{storage_.data(), count_},
      blocks_(4 * 2 * count_ * tile_size),
      products_(count_ * tile_size),
      across_(most_slices * count_ * tile_size),
      small_(most_slices * tile_size),
      triangle_(tile_size),
      turns_(static_cast<std::size_t>(turns_before + turns_a_panel * count_)),
      updated_(static_cast<std::size_t>(count_), -1) {}

void ToBand::reflect_first(std::vector<double> v) {
  const auto padded = static_cast<std::size_t>(tiles_.count * side);
  v.resize(padded);
  vector_ = std::move(v);
  image_.assign(padded, 0.0);
}

std::int64_t ToBand::Slices::first(std::int64_t slice) const {
  // The tiles up to row i are about i^2 / 2.
  const double share = static_cast<double>(slice) / static_cast<double>(slices);
  return begin + std::llround(static_cast<double>(count) * std::sqrt(share));
}

ToBand::Slices ToBand::slices_of(std::int64_t panel) const {
  const std::int64_t count = tiles_.count - panel - 1;
  return {panel + 1, count, std::clamp(count / least_slice_rows, std::int64_t{1}, most_slices)};
}

// ---- the matrix, and the reflection of its first axis ------------------------------------------

void ToBand::load_tiles(std::int64_t column) {
  for (std::int64_t i = column; i < tiles_.count; ++i) {
    double* const tile = tiles_.at(i, column);
    const std::int64_t height = std::min(side, order_ - i * side);
    const double* const from = matrix_ + i * side * order_ + column * side;
    if (i > column && height == side) {
      kernels_.transpose(from, order_, scale_, tile, side);
      continue;
    }
    std::fill_n(tile, tile_size, 0.0);
    for (std::int64_t r = 0; r < height; ++r) {
      const std::int64_t end = i == column ? r + 1 : side;
      for (std::int64_t c = 0; c < end; ++c) tile[c * side + r] = from[r * order_ + c] * scale_;
    }
    if (i > column) continue;
    for (std::int64_t c = 0; c < side; ++c) {
      for (std::int64_t r = 0; r < c; ++r) tile[c * side + r] = tile[r * side + c];
    }
  }
}

void ToBand::multiply_vector(std::int64_t row) {
  double* const to = image_.data() + row * side;
  for (std::int64_t j = 0; j <= row; ++j) {
    multiply_tile(tiles_.at(row, j), vector_.data() + j * side, to);
  }
  for (std::int64_t i = row + 1; i < tiles_.count; ++i) {
    multiply_transposed(tiles_.at(i, row), vector_.data() + i * side, to);
  }
}

// p = beta A v becomes q = p - 1/2 beta (p^T v) v.
void ToBand::finish_vector() {
  const double beta = 1 / std::abs(vector_.front());
  double inner = 0;
  for (std::int64_t i = 0; i < tiles_.count; ++i) {
    double part = 0;
    for (std::int64_t r = i * side; r < (i + 1) * side; ++r) {
      const auto at = static_cast<std::size_t>(r);
      image_[at] *= beta;
      part += image_[at] * vector_[at];
    }
    inner += part;
  }
  for (std::size_t i = 0; i < image_.size(); ++i) image_[i] -= 0.5 * beta * inner * vector_[i];
}

void ToBand::reflect_tiles(std::int64_t column) {
  const double* const v = vector_.data();
  const double* const q = image_.data();
  for (std::int64_t i = column; i < tiles_.count; ++i) {
    subtract_outer(tiles_.at(i, column), v + i * side, q + column * side, q + i * side,
                   v + column * side);
  }
}

// ---- a panel -----------------------------------------------------------------------------------

void ToBand::factor(std::int64_t panel, const Band& band) {
  const std::int64_t first = panel + 1;
  double r[tile_size];
  double tau[side];
  kernels_.factor(tiles_.at(first, panel), tiles_.count - first, r, tau);
  for (std::int64_t c = 0; c < side; ++c) {
    for (std::int64_t i = 0; i <= c && first * side + i < order_; ++i) {
      *band.at(first * side + i, panel * side + c) = r[c * side + i];
    }
  }
  double gram[tile_size] = {};
  for (std::int64_t i = first; i < tiles_.count; ++i) {
    const double* const tile = tiles_.at(i, panel);
    double* const v = rows(panel, i) + side;
    kernels_.transpose(tile, side, 1, v, block_stride);
    std::copy_n(tile, tile_size, columns(panel, i));
    kernels_.add_product(v, block_stride, v, {block_stride, 1}, gram, side, nullptr);
  }
  // Column by column: T(:, c) = -tau_c T V^T v_c above the diagonal, tau_c on it.
  double* const t = triangle_.data();
  std::fill_n(t, tile_size, 0.0);
  for (std::int64_t c = 0; c < side; ++c) {
    for (std::int64_t k = 0; k < c; ++k) {
      double along = 0;
      for (std::int64_t m = k; m < c; ++m) along += t[k * side + m] * gram[c * side + m];
      t[k * side + c] = -tau[c] * along;
    }
    t[c * side + c] = tau[c];
  }
}

// The tiles of a row take in what the panel before this one left for them.
void ToBand::update_row(std::int64_t panel, std::int64_t row) {
  for (std::int64_t j = panel + 1; j <= row; ++j) {
    kernels_.subtract_product(columns(panel - 1, row), rows(panel - 1, j), {1, block_stride},
                              tiles_.at(row, j), tiles_.at(row, std::min(j + 1, row)));
  }
  updated_[static_cast<std::size_t>(row)] = panel;
}

// The same for a slice of rows, and Y = A V of them: what a tile left of the diagonal adds to its
// own row, and what it adds, transposed, to the row that is its column's.
void ToBand::update_and_multiply(std::int64_t panel, std::int64_t slice) {
  const Slices slices = slices_of(panel);
  const std::int64_t begin = slices.first(slice);
  const std::int64_t end = slices.first(slice + 1);
  std::fill(across(slice, panel + 1), across(slice, end), 0.0);
  for (std::int64_t i0 = begin; i0 < end; i0 += rows_together) {
    const std::int64_t i1 = std::min(end, i0 + rows_together);
    std::fill(product(i0), product(i1), 0.0);
    for (std::int64_t j = panel + 1; j < i1; ++j) {
      const double* const right = rows(panel, j) + side;
      for (std::int64_t i = std::max(i0, j); i < i1; ++i) {
        double* const tile = tiles_.at(i, j);
        const double* const soon = i + 1 < i1   ? tiles_.at(i + 1, j)
                                   : j + 1 < i1 ? tiles_.at(std::max(i0, j + 1), j + 1)
                                                : tile;
        if (panel > 0 && updated_[static_cast<std::size_t>(i)] != panel) {
          kernels_.subtract_product(columns(panel - 1, i), rows(panel - 1, j), {1, block_stride},
                                    tile, soon);
        }
        kernels_.add_product(tile, side, right, {block_stride, 1}, product(i), side, soon);
        if (j == i) continue;
        kernels_.add_product(rows(panel, i) + side, block_stride, tile, {1, side}, across(slice, j),
                             side, tile);
      }
    }
  }
}

// Y of a slice's rows, from its parts, and what they add to V^T Y.
void ToBand::gather(std::int64_t panel, std::int64_t slice) {
  const Slices slices = slices_of(panel);
  double* const m = small_.data() + slice * tile_size;
  std::fill_n(m, tile_size, 0.0);
  for (std::int64_t i = slices.first(slice); i < slices.first(slice + 1); ++i) {
    double y[tile_size];
    kernels_.transpose(product(i), side, 1, y, side);
    for (std::int64_t from = slice; from < slices.slices; ++from) {
      const double* const part = across(from, i);
      for (std::int64_t k = 0; k < tile_size; ++k) y[k] += part[k];
    }
    std::copy_n(y, tile_size, product(i));
    kernels_.add_product(product(i), side, rows(panel, i) + side, {block_stride, 1}, m, side,
                         nullptr);
  }
}

// Z = -1/2 T^T (V^T Y) T
void ToBand::small_products(std::int64_t panel, double* z) const {
  const double* const t = triangle_.data();
  double m[tile_size] = {};
  double right[tile_size] = {};
  for (std::int64_t slice = 0; slice < slices_of(panel).slices; ++slice) {
    const double* const part = small_.data() + slice * tile_size;
    for (std::int64_t k = 0; k < tile_size; ++k) m[k] += part[k];
  }
  kernels_.add_product(t, side, m, {1, side}, right, side, nullptr);
  std::fill_n(z, tile_size, 0.0);
  kernels_.add_product(right, side, t, {side, 1}, z, side, nullptr);
  for (std::int64_t k = 0; k < tile_size; ++k) z[k] *= -0.5;
}

// W = Y T + V Z of a row, whose V is there; row-major, [W V].
void ToBand::fill_w(std::int64_t row, const double* z, double* to) {
  for (std::int64_t r = 0; r < side; ++r) std::fill_n(to + r * block_stride, side, 0.0);
  kernels_.add_product(triangle_.data(), side, product(row), {1, side}, to, block_stride, nullptr);
  kernels_.add_product(z, side, to + side, {1, block_stride}, to, block_stride, nullptr);
}

// W of a row, and what it does to the tile of the next panel.
void ToBand::finish_row(std::int64_t panel, std::int64_t row, const double* z, const double* head) {
  fill_w(row, z, rows(panel, row));
  kernels_.transpose(rows(panel, row), block_stride, 1, columns(panel, row) + tile_size, side);
  double* const tile = tiles_.at(row, panel + 1);
  kernels_.subtract_product(columns(panel, row), head, {1, block_stride}, tile, tile);
}

// ---- the team ----------------------------------------------------------------------------------

void ToBand::prepare(int member, Barrier& barrier) {
  std::int64_t turn = 0;
  while (turns_[0].take(tiles_.count, turn)) load_tiles(turn);
  barrier.arrive();
  if (vector_.empty()) return;
  while (turns_[1].take(tiles_.count, turn)) multiply_vector(turn);
  barrier.arrive();
  if (member == 0) finish_vector();
  barrier.arrive();
  while (turns_[2].take(tiles_.count, turn)) reflect_tiles(turn);
  barrier.arrive();
}

// While one member factors a panel, the others do some of what comes behind it.
void ToBand::factor_or_update(int member, std::int64_t panel, const Band& band) {
  if (member == 0) {
    factor(panel, band);
    factored_.store(panel, std::memory_order_relaxed);
    return;
  }
  while (panel > 0 && factored_.load(std::memory_order_relaxed) != panel) {
    const std::int64_t row = ahead_.fetch_sub(1, std::memory_order_relaxed) - 1;
    if (row <= panel) return;
    update_row(panel, row);
  }
}

void ToBand::work(int member, Barrier& barrier, const Band& band) {
  prepare(member, barrier);
  std::int64_t turn = 0;
  for (std::int64_t panel = 0; panel + 1 < tiles_.count; ++panel) {
    Turns* const turns = turns_.data() + turns_before + panel * turns_a_panel;
    const std::int64_t slices = slices_of(panel).slices;
    const std::int64_t first = panel + 1;
    factor_or_update(member, panel, band);
    barrier.arrive();
    while (turns[0].take(slices, turn)) update_and_multiply(panel, turn);
    barrier.arrive();
    if (member == 0) ahead_.store(tiles_.count, std::memory_order_relaxed);
    while (turns[1].take(slices, turn)) gather(panel, turn);
    barrier.arrive();
    double z[tile_size];
    small_products(panel, z);
    // Every member makes W of the first row for itself, since all rows need it.
    double head[2 * tile_size];
    for (std::int64_t r = 0; r < side; ++r) {
      std::copy_n(rows(panel, first) + r * block_stride + side, side,
                  head + r * block_stride + side);
    }
    fill_w(first, z, head);
    while (turns[2].take(tiles_.count - first, turn)) finish_row(panel, first + turn, z, head);
    barrier.arrive();
  }
  if (member != 0) return;
  for (std::int64_t j = 0; j < order_; ++j) {
    const double* const column = tiles_.at(j / side, j / side) + j % side * side;
    const std::int64_t end = std::min(order_, (j / side + 1) * side);
    for (std::int64_t i = j; i < end; ++i) *band.at(i, j) = column[i % side];
  }
}

}  // namespace rankme
