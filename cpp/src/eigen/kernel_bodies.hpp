// The inner loops themselves. Included once for each kind of processor, behind a pragma that names
// it: RANKME_KERNELS is the namespace for it, RANKME_LANES how many doubles a register holds, and
// what the loops need of the standard library has been included before. All of it is written with
// the compiler's vector types, and no instruction is named.
#define RANKME_UNROLL _Pragma("GCC unroll 16")

namespace rankme::RANKME_KERNELS {

constexpr int lanes = RANKME_LANES;
// Registers to a column of a tile, and how many of them a product keeps times four columns: that is
// what the registers of the processor hold beside the operands.
constexpr int side = static_cast<int>(tile_side);
constexpr int column_registers = side / lanes;
constexpr int strip_registers = lanes == 8 ? 4 : 2;
constexpr int strip_rows = strip_registers * lanes;
constexpr int strip_columns = 4;

typedef double Vec __attribute__((vector_size(8 * RANKME_LANES), aligned(8), may_alias));
typedef std::int64_t Bits __attribute__((vector_size(8 * RANKME_LANES), aligned(8), may_alias));
typedef std::uint64_t UnsignedBits
    __attribute__((vector_size(8 * RANKME_LANES), aligned(8), may_alias));

RANKME_INLINE Vec load(const double* from) { return *reinterpret_cast<const Vec*>(from); }
RANKME_INLINE void store(double* to, Vec x) { *reinterpret_cast<Vec*>(to) = x; }

// In pairs of halves, always the same ones.
RANKME_INLINE double sum(Vec x) {
#if RANKME_LANES == 8
  x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
  x += __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
#elif RANKME_LANES == 4
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1);
  x += __builtin_shufflevector(x, x, 1, 0, 3, 2);
#else
  x += __builtin_shufflevector(x, x, 1, 0);
#endif
  return x[0];
}

// ---- transposition -----------------------------------------------------------------------------

// A square of lanes x lanes: in each round registers that are `far` apart trade blocks of that
// size.
RANKME_INLINE void transpose_square(Vec (&x)[lanes]) {
#if RANKME_LANES == 8
  RANKME_UNROLL for (int i = 0; i < 4; ++i) {
    const Vec a = x[i];
    const Vec b = x[i + 4];
    x[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    x[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
  RANKME_UNROLL for (int j = 0; j < 4; ++j) {
    const int i = j < 2 ? j : j + 2;
    const Vec a = x[i];
    const Vec b = x[i + 2];
    x[i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
    x[i + 2] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
  RANKME_UNROLL for (int i = 0; i < 8; i += 2) {
    const Vec a = x[i];
    const Vec b = x[i + 1];
    x[i] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
    x[i + 1] = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
#elif RANKME_LANES == 4
  RANKME_UNROLL for (int i = 0; i < 2; ++i) {
    const Vec a = x[i];
    const Vec b = x[i + 2];
    x[i] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    x[i + 2] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  }
  RANKME_UNROLL for (int i = 0; i < 4; i += 2) {
    const Vec a = x[i];
    const Vec b = x[i + 1];
    x[i] = __builtin_shufflevector(a, b, 0, 4, 2, 6);
    x[i + 1] = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  }
#else
  const Vec a = x[0];
  const Vec b = x[1];
  x[0] = __builtin_shufflevector(a, b, 0, 2);
  x[1] = __builtin_shufflevector(a, b, 1, 3);
#endif
}

void transpose(const double* from, std::int64_t from_stride, double scale, double* to,
               std::int64_t to_stride) {
  for (int i = 0; i < side; i += lanes) {
    for (int j = 0; j < side; j += lanes) {
      Vec x[lanes];
      RANKME_UNROLL for (int k = 0; k < lanes; ++k) {
        x[k] = load(from + (j + k) * from_stride + i) * scale;
      }
      transpose_square(x);
      RANKME_UNROLL for (int k = 0; k < lanes; ++k) store(to + (i + k) * to_stride + j, x[k]);
    }
  }
}

// ---- products of tiles -------------------------------------------------------------------------

// c (+ or -)= a b for strip_rows x depth times depth x strip_columns. The sum is added to c at its
// end: where all terms are alike they round in one direction, and so the chains stay short.
template <int depth, bool minus>
RANKME_INLINE void strip(const double* a, std::int64_t a_stride, const double* b, Strides strides,
                         double* c, std::int64_t c_stride, const double* soon) {
  constexpr int fetched = strip_rows * strip_columns * 8 / depth;  // bytes a step
  Vec sums[strip_columns][strip_registers] = {};
  for (int k = 0; k < depth; ++k) {
    if (soon != nullptr) {
      __builtin_prefetch(reinterpret_cast<const char*>(soon) + k * fetched, 0, 2);
    }
    Vec x[strip_registers];
    RANKME_UNROLL for (int i = 0; i < strip_registers; ++i) x[i] = load(a + i * lanes);
    RANKME_UNROLL for (int j = 0; j < strip_columns; ++j) {
      const double y = b[j * strides.by_j];
      RANKME_UNROLL for (int i = 0; i < strip_registers; ++i) sums[j][i] += x[i] * y;
    }
    a += a_stride;
    b += strides.by_k;
  }
  RANKME_UNROLL for (int j = 0; j < strip_columns; ++j) {
    RANKME_UNROLL for (int i = 0; i < strip_registers; ++i) {
      double* const to = c + j * c_stride + i * lanes;
      store(to, minus ? load(to) - sums[j][i] : load(to) + sums[j][i]);
    }
  }
}

template <int depth, bool minus>
RANKME_INLINE void product(const double* a, std::int64_t a_stride, const double* b, Strides strides,
                           double* c, std::int64_t c_stride, const double* soon) {
  for (int row = 0; row < side; row += strip_rows) {
    for (int column = 0; column < side; column += strip_columns) {
      strip<depth, minus>(a + row, a_stride, b + column * strides.by_j, strides,
                          c + column * c_stride + row, c_stride, soon);
      if (soon != nullptr) soon += strip_rows * strip_columns;
    }
  }
}

void add_product(const double* a, std::int64_t a_stride, const double* b, Strides strides,
                 double* c, std::int64_t c_stride, const double* soon) {
  product<side, false>(a, a_stride, b, strides, c, c_stride, soon);
}

void subtract_product(const double* a, const double* b, Strides strides, double* c,
                      const double* soon) {
  product<2 * side, true>(a, side, b, strides, c, side, soon);
}

}  // namespace rankme::RANKME_KERNELS

#include "kernel_chase.hpp"
#include "kernel_panel.hpp"
#include "kernel_signs.hpp"

namespace rankme::RANKME_KERNELS {

extern const Kernels table;
const Kernels table = {transpose, add_product, subtract_product, factor,
                       reflect,   chase,       count_signs,      sign_lanes};

}  // namespace rankme::RANKME_KERNELS
