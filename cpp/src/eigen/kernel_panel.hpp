// Part of kernel_bodies.hpp: Householder's QR of a panel of tiles (Householder 1958; in blocks,
// Schreiber and Van Loan 1989). All sums over rows are sums of sums over tiles.
namespace rankme::RANKME_KERNELS {

// So many columns are reflected one by one; then the columns behind them get all of it at once.
constexpr int block = 8;

// The dot products of x, which stands for column `own` of the first tile, with the columns of a
// block; below the first tile with the column itself.
RANKME_INLINE void block_dots(const double* panel, std::int64_t count, int first, int own,
                              const double* x, double* dots) {
  Vec totals[block] = {};
  for (std::int64_t i = 0; i < count; ++i) {
    const double* const tile = panel + i * tile_size;
    const double* const from = i == 0 ? x : tile + own * side;
    Vec sums[block] = {};
    RANKME_UNROLL for (int q = 0; q < column_registers; ++q) {
      const Vec part = load(from + q * lanes);
      RANKME_UNROLL for (int k = 0; k < block; ++k) {
        sums[k] += part * load(tile + (first + k) * side + q * lanes);
      }
    }
    RANKME_UNROLL for (int k = 0; k < block; ++k) totals[k] += sums[k];
  }
  for (int k = 0; k < block; ++k) dots[k] = sum(totals[k]);
}

// Column `own` becomes the vector of its reflection, the others of its block from there on are
// reflected. g[k] gets the dot product of v with the k-th vector of the block before it.
RANKME_INLINE double reflect_column(double* panel, std::int64_t count, int first, int own,
                                    double* r, double* g) {
  double x[side];
  double* const column = panel + own * side;
  for (int i = 0; i < side; ++i) {
    x[i] = i > own ? column[i] : 0;
    if (i < own) r[own * side + i] = column[i];
  }
  double dots[block];
  block_dots(panel, count, first, own, x, dots);
  // x stands for the column in its own tile alone, where what is above must not count.
  const double squares = dots[own - first];
  const double pivot = column[own];
  double tau = 0;
  double factor = 0;
  double target = pivot;
  if (squares >= negligible_squares) {
    target = -std::copysign(std::sqrt(pivot * pivot + squares), pivot);
    tau = (target - pivot) / target;
    factor = 1 / (pivot - target);
  }
  r[own * side + own] = target;
  double weights[block] = {};
  for (int k = first; k < first + block; ++k) {
    const double along = panel[k * side + own] + factor * dots[k - first];
    if (k < own) g[k - first] = along;
    if (k > own) weights[k - first] = tau * along;
  }
  for (int i = 0; i < side; ++i) x[i] = i == own ? 1 : x[i] * factor;
  for (std::int64_t i = 0; i < count; ++i) {
    double* const tile = panel + i * tile_size;
    RANKME_UNROLL for (int q = 0; q < column_registers; ++q) {
      double* const to = tile + own * side + q * lanes;
      const Vec v = i == 0 ? load(x + q * lanes) : load(to) * factor;
      store(to, v);
      for (int k = own + 1; k < first + block; ++k) {
        double* const other = tile + k * side + q * lanes;
        store(other, load(other) - v * weights[k - first]);
      }
    }
  }
  return tau;
}

// w (row-major, block x strip_columns) = V^T A for the vectors of a block and a few columns.
RANKME_INLINE void block_products(const double* panel, std::int64_t count, int first, int column,
                                  double* w) {
  constexpr int some = 4;
  constexpr std::int64_t tiles_a_sum = 4;
  for (int k0 = 0; k0 < block; k0 += some) {
    Vec totals[some][strip_columns] = {};
    for (std::int64_t i0 = 0; i0 < count; i0 += tiles_a_sum) {
      const std::int64_t end = std::min(count, i0 + tiles_a_sum);
      Vec sums[some][strip_columns] = {};
      for (std::int64_t i = i0; i < end; ++i) {
        const double* const tile = panel + i * tile_size;
        for (int q = 0; q < column_registers; ++q) {
          Vec v[some];
          RANKME_UNROLL for (int k = 0; k < some; ++k) {
            v[k] = load(tile + (first + k0 + k) * side + q * lanes);
          }
          RANKME_UNROLL for (int c = 0; c < strip_columns; ++c) {
            const Vec a = load(tile + (column + c) * side + q * lanes);
            RANKME_UNROLL for (int k = 0; k < some; ++k) sums[k][c] += v[k] * a;
          }
        }
      }
      for (int k = 0; k < some; ++k) {
        for (int c = 0; c < strip_columns; ++c) totals[k][c] += sums[k][c];
      }
    }
    for (int k = 0; k < some; ++k) {
      for (int c = 0; c < strip_columns; ++c) w[(k0 + k) * strip_columns + c] = sum(totals[k][c]);
    }
  }
}

// A := A - V T^T V^T A for the columns behind a block.
RANKME_INLINE void reflect_behind(double* panel, std::int64_t count, int first, const double* t) {
  for (int column = first + block; column < side; column += strip_columns) {
    double w[block * strip_columns];
    block_products(panel, count, first, column, w);
    double x[block * strip_columns] = {};
    for (int k = 0; k < block; ++k) {
      for (int m = 0; m <= k; ++m) {
        for (int c = 0; c < strip_columns; ++c) {
          x[k * strip_columns + c] += t[m * block + k] * w[m * strip_columns + c];
        }
      }
    }
    for (std::int64_t i = 0; i < count; ++i) {
      double* const tile = panel + i * tile_size;
      for (int row = 0; row < side; row += strip_rows) {
        strip<block, true>(tile + first * side + row, side, x, {strip_columns, 1},
                           tile + column * side + row, side, nullptr);
      }
    }
  }
}

void factor(double* panel, std::int64_t count, double* r, double* tau) {
  for (int first = 0; first < side; first += block) {
    // The triangle T of the block reflection I - V T V^T, row-major.
    double t[block * block] = {};
    for (int k = 0; k < block; ++k) {
      double g[block] = {};
      const double factor = reflect_column(panel, count, first, first + k, r, g);
      tau[first + k] = factor;
      for (int m = 0; m < k; ++m) {
        double along = 0;
        for (int l = m; l < k; ++l) along += t[m * block + l] * g[l];
        t[m * block + k] = -factor * along;
      }
      t[k * block + k] = factor;
    }
    reflect_behind(panel, count, first, t);
  }
}

}  // namespace rankme::RANKME_KERNELS
