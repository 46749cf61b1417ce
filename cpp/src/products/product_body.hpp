// The inner loops themselves. Included once for each kind of processor, behind a pragma that names
// it: RANKME_KERNELS is the namespace for it, RANKME_LANES how many doubles a register holds. All
// of it is written with the compiler's vector types, and no instruction is named.
#define RANKME_UNROLL _Pragma("GCC unroll 16")

namespace rankme::RANKME_KERNELS {

constexpr int lanes = RANKME_LANES;
// What the registers of the processor hold beside the operands: a tile is `lanes` rows of so many
// registers.
constexpr int tile_registers = lanes == 2 ? 4 : 3;
constexpr int tile_columns = tile_registers * lanes;

typedef double Vec __attribute__((vector_size(8 * RANKME_LANES), aligned(8), may_alias));

RANKME_INLINE Vec load(const double* from) { return *reinterpret_cast<const Vec*>(from); }
RANKME_INLINE void store(double* to, Vec x) { *reinterpret_cast<Vec*>(to) = x; }

void pack_rows(const double* block, std::int64_t cols, std::int64_t first, std::int64_t last,
               const Panels& to) {
  const std::int64_t full = std::min(last, cols / lanes);
  for (std::int64_t r = 0; r < to.rows; ++r) {
    const double* const row = block + r * cols;
    double* out = to.data + first * to.step + r * lanes;
    for (std::int64_t p = first; p < full; ++p, out += to.step) store(out, load(row + p * lanes));
    for (std::int64_t p = std::max(first, full); p < last; ++p, out += to.step) {
      const std::int64_t rest = std::max<std::int64_t>(0, cols - p * lanes);
      std::copy(row + p * lanes, row + p * lanes + rest, out);
      std::fill(out + rest, out + lanes, 0.0);
    }
  }
}

void pack_columns(const double* block, std::int64_t step, std::int64_t cols, std::int64_t first,
                  std::int64_t last, const Panels& to) {
  for (std::int64_t p = first; p < last; ++p) {
    double* const out = to.data + p * to.step;
    const std::int64_t count = std::min<std::int64_t>(lanes, cols - p * lanes);
    const double* const columns = block + p * lanes * step;
    if (count < lanes) std::fill(out, out + to.rows * lanes, 0.0);
    if (count == lanes) {
      for (std::int64_t r = 0; r < to.rows; ++r) {
        RANKME_UNROLL for (int l = 0; l < lanes; ++l) out[r * lanes + l] = columns[l * step + r];
      }
    } else {
      for (std::int64_t r = 0; r < to.rows; ++r) {
        for (std::int64_t l = 0; l < count; ++l) out[r * lanes + l] = columns[l * step + r];
      }
    }
  }
}

// to (lanes, count * lanes) += the product of a panel and of `count` panels.
template <int count>
RANKME_INLINE void add_tile(const double* down, const double* beside, const Panels& panels,
                            double* to, std::int64_t stride) {
  Vec sums[lanes][count] = {};
  // It comes from the memory while the registers add up.
  RANKME_UNROLL for (int i = 0; i < lanes; ++i) {
    RANKME_UNROLL for (int v = 0; v < count; ++v) {
      if (v * lanes % 8 == 0) __builtin_prefetch(to + i * stride + v * lanes, 1, 3);
    }
  }
  for (std::int64_t r = 0; r < panels.rows; ++r) {
    Vec row[count];
    RANKME_UNROLL for (int v = 0; v < count; ++v) row[v] = load(beside + v * panels.step);
    RANKME_UNROLL for (int i = 0; i < lanes; ++i) {
      RANKME_UNROLL for (int v = 0; v < count; ++v) sums[i][v] += row[v] * down[i];
    }
    down += lanes;
    beside += lanes;
  }
  RANKME_UNROLL for (int i = 0; i < lanes; ++i) {
    RANKME_UNROLL for (int v = 0; v < count; ++v) {
      double* const entries = to + i * stride + v * lanes;
      store(entries, load(entries) + sums[i][v]);
    }
  }
}

RANKME_INLINE void add_any_tile(int count, const double* down, const double* beside,
                                const Panels& panels, double* to, std::int64_t stride) {
  switch (count) {
    case 1:
      return add_tile<1>(down, beside, panels, to, stride);
    case 2:
      return add_tile<2>(down, beside, panels, to, stride);
    case 3:
      return add_tile<3>(down, beside, panels, to, stride);
    default:
      return add_tile<tile_registers>(down, beside, panels, to, stride);
  }
}

void add_tiles(const Panels& panels, std::int64_t down, std::int64_t down_end, std::int64_t beside,
               std::int64_t beside_end, double* gram, std::int64_t dim) {
  const double* const columns = panels.data + beside * panels.step;
  for (std::int64_t i = std::max(down, beside); i < down_end; ++i) {
    const int count = static_cast<int>(std::min(beside_end, i + 1) - beside);
    const double* const rows = panels.data + i * panels.step;
    double* const to = gram + i * lanes * dim + beside * lanes;
    if ((i + 1) * lanes <= dim) {
      add_any_tile(count, rows, columns, panels, to, dim);
      continue;
    }
    // The last rows: what is beyond the matrix is not there.
    double tile[lanes * tile_columns] = {};
    add_any_tile(count, rows, columns, panels, tile, tile_columns);
    for (std::int64_t r = 0; r < dim - i * lanes; ++r) {
      const std::int64_t entries = std::min<std::int64_t>(count * lanes, dim - beside * lanes);
      for (std::int64_t j = 0; j < entries; ++j) to[r * dim + j] += tile[r * tile_columns + j];
    }
  }
}

// The lanes of four sums, added up into a sum each.
RANKME_INLINE void add_lanes(const Vec (&s)[lines_a_tile], double* to) {
#if RANKME_LANES == 8
  // Halves first: then they are as those of four lanes.
  typedef double Half __attribute__((vector_size(32)));
  Half h[lines_a_tile];
  RANKME_UNROLL for (int i = 0; i < 4; ++i) {
    h[i] = __builtin_shufflevector(s[i], s[i], 0, 1, 2, 3) +
           __builtin_shufflevector(s[i], s[i], 4, 5, 6, 7);
  }
#else
  const Vec(&h)[lines_a_tile] = s;
#endif
#if RANKME_LANES >= 4
  const auto p = __builtin_shufflevector(h[0], h[1], 0, 4, 2, 6) +
                 __builtin_shufflevector(h[0], h[1], 1, 5, 3, 7);
  const auto q = __builtin_shufflevector(h[2], h[3], 0, 4, 2, 6) +
                 __builtin_shufflevector(h[2], h[3], 1, 5, 3, 7);
  const auto sums =
      __builtin_shufflevector(p, q, 0, 1, 4, 5) + __builtin_shufflevector(p, q, 2, 3, 6, 7);
  RANKME_UNROLL for (int i = 0; i < 4; ++i) to[i] += sums[i];
#else
  RANKME_UNROLL for (int i = 0; i < 4; ++i) to[i] += h[i][0] + h[i][1];
#endif
}

RANKME_INLINE void add_line_tile(const double* a, const double* b, std::int64_t length, double* to,
                                 std::int64_t stride) {
  constexpr int tile = static_cast<int>(lines_a_tile);
  Vec sums[tile][tile] = {};
  std::int64_t k = 0;
  for (; k + lanes <= length; k += lanes) {
    Vec x[tile];
    RANKME_UNROLL for (int r = 0; r < tile; ++r) x[r] = load(a + r * length + k);
    RANKME_UNROLL for (int c = 0; c < tile; ++c) {
      const Vec y = load(b + c * length + k);
      RANKME_UNROLL for (int r = 0; r < tile; ++r) sums[r][c] += x[r] * y;
    }
  }
  RANKME_UNROLL for (int r = 0; r < tile; ++r) add_lanes(sums[r], to + r * stride);
  for (; k < length; ++k) {
    for (int r = 0; r < tile; ++r) {
      for (int c = 0; c < tile; ++c) to[r * stride + c] += a[r * length + k] * b[c * length + k];
    }
  }
}

void add_lines(const double* lines, std::int64_t first, std::int64_t order, std::int64_t length,
               double* gram) {
  for (std::int64_t j = 0; j <= first; j += lines_a_tile) {
    add_line_tile(lines + first * length, lines + j * length, length, gram + first * order + j,
                  order);
  }
}

extern const ProductKernels table;
const ProductKernels table = {lanes, tile_registers, pack_rows, pack_columns, add_tiles, add_lines};

}  // namespace rankme::RANKME_KERNELS
