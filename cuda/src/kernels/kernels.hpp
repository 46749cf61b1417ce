// The kernels as plain functions: what they are given, and the stream that they are put on. All
// pointers are device memory unless a comment says otherwise. They only launch, and return what
// the launch returned.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "rankme/matrix_view.hpp"

namespace rankme::cuda {

// What is found on the way over rows. Magnitudes are the bits of a float64 without its sign, which
// order as the numbers do; unsigned integers so that the order of atomic operations does not show.
struct Flags {
  unsigned long long first_bad;  // index of the first entry that is not finite, or all ones
  unsigned long long largest;    // magnitude of what was read
  unsigned long long shaped;     // magnitude after shape_rows, before its factor
};
constexpr unsigned long long no_bad_entry = ~0ull;

// A float64 block: row i begins at data + i * stride. Strides are multiples of 4 and data is
// aligned to 32 bytes. Entries beyond cols are zero, and so are rows from `rows` to `filled_rows`.
struct DeviceBlock {
  double* data;
  std::int64_t rows;
  std::int64_t cols;
  std::int64_t stride;
  std::int64_t filled_rows;
};

// Entry (i, j) of a block has the index begin + i * row + j * col among those of the whole matrix.
struct EntryIndex {
  std::int64_t begin;
  std::int64_t row;
  std::int64_t col;
};

// block <- z in float64, whatever its dtype and strides.
cudaError_t widen(const MatrixView& z, const DeviceBlock& block, const EntryIndex& index,
                  Flags* flags, cudaStream_t stream);

// What rows become before they are multiplied, in this order. Null pointers leave a step out.
struct Shape {
  bool normalize = false;
  const double* column_powers = nullptr;
  const double* column_inverses = nullptr;
  const double* subtract_row = nullptr;
  bool subtract_first_column = false;
  double factor = 1;
};
cudaError_t shape_rows(const DeviceBlock& block, const Shape& shape, Flags* flags,
                       cudaStream_t stream);
// The two factors of rankme::unit_scale() for each row.
cudaError_t row_scales(const DeviceBlock& block, double* powers, double* inverses,
                       cudaStream_t stream);

// ---- probes (probes.cuh) -----------------------------------------------------------------------

// How many sums over ranges of rows probe_products makes; each takes 9 * cols doubles.
std::int64_t probe_ranges(std::int64_t rows, std::int64_t cols);
// products (cols, 8) and sums (cols,) of B^T (B X) and of the columns. by_probe: X, (8, cols).
// scratch: 8 * rows + 9 * cols * probe_ranges doubles. add: to what is there, or instead of it.
cudaError_t probe_products(const DeviceBlock& block, const double* by_probe, double* scratch,
                           double* products, double* sums, bool add, cudaStream_t stream);

// ---- sums (sums.cuh) ---------------------------------------------------------------------------
// Triangles are lower triangles of (dim, dim) matrices in row-major order.

// to += from * 2^shift over the triangle, or over n numbers
cudaError_t add_triangle(double* to, const double* from, std::int64_t dim, int shift,
                         cudaStream_t stream);
cudaError_t add_scaled(double* to, const double* from, std::int64_t n, int shift,
                       cudaStream_t stream);
// x *= 2^shift
cudaError_t scale(double* x, std::int64_t n, int shift, cudaStream_t stream);
// gram <- the sums over `splits` of the tiles of the triangle: tile t = i (i + 1) / 2 + j of split
// s begins at sums + (s * tiles + t) * tile * tile and holds rows i, columns j.
cudaError_t gather_tiles(double* gram, const double* sums, std::int64_t dim, std::int64_t tile,
                         std::int64_t splits, cudaStream_t stream);
// gram (+)= the sum of `count` float32 matrices of the same shape, one after the other
cudaError_t gather_floats(double* gram, const float* products, std::int64_t dim, std::int64_t count,
                          bool add, cudaStream_t stream);
// squares[i] = the squares of row i of the symmetric matrix up to the diagonal, those beside it
// twice; diagonal[i] = the entry there
cudaError_t triangle_squares(const double* gram, std::int64_t dim, double* squares,
                             double* diagonal, cudaStream_t stream);
// out (order, order) <- the rows and columns `kept` of gram - column_sums column_sums^T / n_rows;
// column_sums null: of gram itself. kept null: all of them.
cudaError_t keep_dimensions(double* out, std::int64_t order, const double* gram, std::int64_t dim,
                            const std::int64_t* kept, const double* column_sums, double n_rows,
                            cudaStream_t stream);
// gram[i, j] -= means[j] + shifts[i]
cudaError_t subtract_means(double* gram, std::int64_t dim, const double* means,
                           const double* shifts, cudaStream_t stream);
// x[i] = value
cudaError_t fill(double* x, std::int64_t n, double value, cudaStream_t stream);

// ---- factors (factors.cuh) ---------------------------------------------------------------------

// stack, column-major with `order + block.rows` rows, <- [factor; block], where a column of ones
// stands before the block if its cols are one less than order.
cudaError_t stack_rows(double* stack, const double* factor, std::int64_t order,
                       const DeviceBlock& block, cudaStream_t stream);
// The same of two factors; and the upper triangle of a stack back into a factor, zeros below.
cudaError_t stack_factors(double* stack, const double* upper, const double* lower,
                          std::int64_t order, cudaStream_t stream);
cudaError_t take_factor(double* factor, const double* stack, std::int64_t rows, std::int64_t order,
                        cudaStream_t stream);

}  // namespace rankme::cuda
