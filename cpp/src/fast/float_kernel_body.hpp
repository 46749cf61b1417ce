// The inner loop itself. Included once for each kind of processor, behind a pragma that names it:
// RANKME_KERNELS is the namespace for it, RANKME_LANES how many floats a register holds. All of it
// is written with the compiler's vector types, and no instruction is named.
#define RANKME_UNROLL _Pragma("GCC unroll 16")

namespace rankme::RANKME_KERNELS {

constexpr int lanes = RANKME_LANES;
// What the registers of the processor hold beside the operands: sums of two registers' worth of
// columns times so many rows of the result.
constexpr int strip_registers = 2;
constexpr int strip_columns = strip_registers * lanes;
constexpr int strip_rows = lanes == 16 ? 8 : 4;
constexpr int width = static_cast<int>(panel_width);

typedef float Floats __attribute__((vector_size(4 * RANKME_LANES), aligned(4), may_alias));
// Half a register of floats is a register of doubles.
typedef float Half __attribute__((vector_size(2 * RANKME_LANES), aligned(4), may_alias));
typedef double Doubles __attribute__((vector_size(4 * RANKME_LANES), aligned(8), may_alias));

RANKME_INLINE Floats load(const float* from) { return *reinterpret_cast<const Floats*>(from); }
RANKME_INLINE void store(float* to, Floats x) { *reinterpret_cast<Floats*>(to) = x; }

// sums (strip_rows, strip_columns) = or += the products of a few rows. The sum is added at its end,
// so that chains of additions stay short.
template <bool first>
RANKME_INLINE void few_rows(const float* down, const float* across, std::int64_t rows,
                            float* sums) {
  Floats own[strip_rows][strip_registers] = {};
  for (std::int64_t row = 0; row < rows; ++row) {
    Floats x[strip_registers];
    RANKME_UNROLL for (int r = 0; r < strip_registers; ++r) x[r] = load(across + r * lanes);
    RANKME_UNROLL for (int i = 0; i < strip_rows; ++i) {
      RANKME_UNROLL for (int r = 0; r < strip_registers; ++r) own[i][r] += x[r] * down[i];
    }
    across += width;
    down += width;
  }
  RANKME_UNROLL for (int i = 0; i < strip_rows; ++i) {
    RANKME_UNROLL for (int r = 0; r < strip_registers; ++r) {
      float* const to = sums + i * strip_columns + r * lanes;
      store(to, first ? own[i][r] : load(to) + own[i][r]);
    }
  }
}

// The same of a chunk, into doubles.
RANKME_INLINE void strip(const float* down, const float* across, const Chunk& chunk, double* to,
                         std::int64_t stride) {
  alignas(64) float sums[strip_rows * strip_columns];
  std::int64_t row = std::min(chunk.rows, rows_in_registers);
  few_rows<true>(down, across, row, sums);
  for (; row < chunk.rows; row += rows_in_registers) {
    few_rows<false>(down + row * width, across + row * width,
                    std::min(chunk.rows - row, rows_in_registers), sums);
  }
  RANKME_UNROLL for (int i = 0; i < strip_rows; ++i) {
    RANKME_UNROLL for (int j = 0; j < strip_columns; j += lanes / 2) {
      const Half sum = *reinterpret_cast<const Half*>(sums + i * strip_columns + j);
      Doubles& entries = *reinterpret_cast<Doubles*>(to + i * stride + j);
      // Times a power of two, which rounds nothing.
      entries += __builtin_convertvector(sum, Doubles) * chunk.factor;
    }
  }
}

void add_square(const float* down, const float* across, const Chunk* chunks, std::int64_t count,
                double* to, std::int64_t stride, const double* soon) {
  for (std::int64_t c = 0; c < count; ++c) {
    const Chunk& chunk = chunks[c];
    const float* const below = down + chunk.first * width;
    const float* const beside = across + chunk.first * width;
    for (int i = 0; i < width; i += strip_rows) {
      for (int k = 0; k < strip_rows && c == 0 && soon != nullptr; ++k) {
        for (int j = 0; j < width; j += 8) __builtin_prefetch(soon + (i + k) * stride + j, 1, 2);
      }
      for (int j = 0; j < width; j += strip_columns) {
        strip(below + i, beside + j, chunk, to + i * stride + j, stride);
      }
    }
  }
}

extern const FloatKernels table;
const FloatKernels table = {add_square};

}  // namespace rankme::RANKME_KERNELS
