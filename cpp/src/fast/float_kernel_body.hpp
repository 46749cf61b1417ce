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
RANKME_INLINE void add(double* to, Doubles x) { *reinterpret_cast<Doubles*>(to) += x; }

#if RANKME_LANES == 16
#define RANKME_HALF(x, at) \
  __builtin_shufflevector(x, x, at, at + 1, at + 2, at + 3, at + 4, at + 5, at + 6, at + 7)
#elif RANKME_LANES == 8
#define RANKME_HALF(x, at) __builtin_shufflevector(x, x, at, at + 1, at + 2, at + 3)
#else
#define RANKME_HALF(x, at) __builtin_shufflevector(x, x, at, at + 1)
#endif

// to (strip_rows, strip_columns) += factor * the products of a chunk of rows, which are added up in
// registers.
RANKME_INLINE void strip(const float* down, const float* across, const Chunk& chunk, double* to,
                         std::int64_t stride) {
  Floats sums[strip_rows][strip_registers] = {};
  for (std::int64_t row = 0; row < chunk.rows; ++row) {
    Floats x[strip_registers];
    RANKME_UNROLL for (int r = 0; r < strip_registers; ++r) x[r] = load(across + r * lanes);
    RANKME_UNROLL for (int i = 0; i < strip_rows; ++i) {
      RANKME_UNROLL for (int r = 0; r < strip_registers; ++r) sums[i][r] += x[r] * down[i];
    }
    across += width;
    down += width;
  }
  RANKME_UNROLL for (int i = 0; i < strip_rows; ++i) {
    RANKME_UNROLL for (int r = 0; r < strip_registers; ++r) {
      double* const entries = to + i * stride + r * lanes;
      // Times a power of two, which rounds nothing.
      const Half lower = RANKME_HALF(sums[i][r], 0);
      add(entries, __builtin_convertvector(lower, Doubles) * chunk.factor);
      const Half upper = RANKME_HALF(sums[i][r], lanes / 2);
      add(entries + lanes / 2, __builtin_convertvector(upper, Doubles) * chunk.factor);
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
