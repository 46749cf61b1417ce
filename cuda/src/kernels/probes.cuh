// Probe products B^T (B X) and column sums: code of our own in another order than the products of
// the Gram matrix, so that a fault of either shows. Two stages without atomic additions, so that
// results repeat to the last bit.
#pragma once

#include "element.cuh"
#include "kernels.hpp"
#include "rankme/probe.hpp"

namespace rankme::cuda {

namespace {

constexpr int gather_rows = 4;  // of a block: 32 running sums a thread, and X is read once for all
constexpr int gather_threads = 128;
constexpr int spread_threads = 128;
constexpr int spread_columns = 2 * spread_threads;  // of a block of them
constexpr int spread_sums = probe_count + 1;        // the probes' and the column's own

}  // namespace

// Sums 32 numbers of each lane over the lanes of a warp: lane l gets the sum of the numbers l in
// x[0]. Each step halves what a lane has to carry on. A template, so that x stays in registers.
template <int half = 16>
__device__ inline void sum_over_lanes(double (&x)[32]) {
  const bool upper = (threadIdx.x & half) != 0;
#pragma unroll
  for (int k = 0; k < half; ++k) {
    const double kept = upper ? x[k + half] : x[k];
    const double given = upper ? x[k] : x[k + half];
    x[k] = kept + __shfl_xor_sync(0xffffffffu, given, half);
  }
  if constexpr (half > 1) sum_over_lanes<half / 2>(x);
}

// T (rows, 8) = B X, a block of threads for each four rows.
__global__ void __launch_bounds__(gather_threads)
    gather_kernel(DeviceBlock block, const double* __restrict__ by_probe,
                  double* __restrict__ out) {
  static_assert(gather_rows * probe_count == 32);
  __shared__ double of_warps[gather_threads];
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * gather_rows;
  // Beyond the last row the last one is read again and not written.
  const double* rows[gather_rows];
#pragma unroll
  for (int r = 0; r < gather_rows; ++r) {
    const std::int64_t row = first + r < block.rows ? first + r : block.rows - 1;
    rows[r] = block.data + row * block.stride;
  }
  double sums[32] = {};
  for (std::int64_t j = threadIdx.x; j < block.cols; j += gather_threads) {
    double b[gather_rows];
#pragma unroll
    for (int r = 0; r < gather_rows; ++r) b[r] = rows[r][j];
#pragma unroll
    for (int p = 0; p < probe_count; ++p) {
      const double x = __ldg(by_probe + p * block.cols + j);
#pragma unroll
      for (int r = 0; r < gather_rows; ++r) sums[r * probe_count + p] += b[r] * x;
    }
  }
  sum_over_lanes(sums);
  of_warps[threadIdx.x] = sums[0];
  __syncthreads();
  const int k = static_cast<int>(threadIdx.x);
  if (k >= 32 || first + k / probe_count >= block.rows) return;
  double sum = of_warps[k];
  for (int warp = 1; warp < gather_threads / 32; ++warp) sum += of_warps[warp * 32 + k];
  out[first * probe_count + k] = sum;
}

// partial[range, p, j] = sum over the rows of a range of B[i, j] T[i, p], and of B[i, j] for the
// ninth p: a thread for each pair of columns, so that a number of T is fetched once for two
// products.
__global__ void __launch_bounds__(spread_threads)
    spread_kernel(DeviceBlock block, const double* __restrict__ gathered,
                  double* __restrict__ partial, std::int64_t range) {
  constexpr int together = 32;
  __shared__ double t[together * probe_count];
  const std::int64_t j = 2 * (static_cast<std::int64_t>(blockIdx.x) * spread_threads + threadIdx.x);
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.y) * range;
  const std::int64_t end = begin + range < block.rows ? begin + range : block.rows;
  double left[spread_sums] = {};
  double right[spread_sums] = {};
  for (std::int64_t row = begin; row < end; row += together) {
    const auto count = static_cast<int>(end - row < together ? end - row : together);
    __syncthreads();
    for (int k = threadIdx.x; k < count * probe_count; k += spread_threads) {
      t[k] = gathered[row * probe_count + k];
    }
    __syncthreads();
    if (j >= block.cols) continue;
    // A column beyond the last lies in the padding of the stride, which is zero.
    const double* from = block.data + row * block.stride + j;
#pragma unroll 8
    for (int i = 0; i < count; ++i) {
      const double2 b = *reinterpret_cast<const double2*>(from + i * block.stride);
#pragma unroll
      for (int p = 0; p < probe_count; ++p) {
        const double x = t[i * probe_count + p];
        left[p] += b.x * x;
        right[p] += b.y * x;
      }
      left[probe_count] += b.x;
      right[probe_count] += b.y;
    }
  }
  if (j >= block.cols) return;
  double* to = partial + static_cast<std::int64_t>(blockIdx.y) * spread_sums * block.cols + j;
  const bool both = j + 1 < block.cols;
#pragma unroll
  for (int p = 0; p < spread_sums; ++p) {
    to[p * block.cols] = left[p];
    if (both) to[p * block.cols + 1] = right[p];
  }
}

// Adds the ranges up, in their order: a thread for each column and probe.
__global__ void __launch_bounds__(spread_threads)
    add_ranges_kernel(const double* __restrict__ partial, std::int64_t ranges, std::int64_t cols,
                      double* __restrict__ products, double* __restrict__ column_sums, bool add) {
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * spread_threads + threadIdx.x;
  const int p = static_cast<int>(blockIdx.y);
  if (j >= cols) return;
  double* to = p < probe_count ? products + j * probe_count + p : column_sums + j;
  double sum = 0;
  for (std::int64_t range = 0; range < ranges; ++range) {
    sum += partial[(range * spread_sums + p) * cols + j];
  }
  *to = add ? *to + sum : sum;
}

std::int64_t probe_ranges(std::int64_t rows, std::int64_t cols) {
  // Enough threads for a large device, and ranges long enough that their sums are little work.
  constexpr std::int64_t wanted_blocks = 132 * 4;
  constexpr std::int64_t least_rows = 32;
  const std::int64_t across = (cols + spread_columns - 1) / spread_columns;
  const std::int64_t by_threads = (wanted_blocks + across - 1) / across;
  const std::int64_t by_rows = (rows + least_rows - 1) / least_rows;
  const std::int64_t ranges = by_threads < by_rows ? by_threads : by_rows;
  return ranges < 1 ? 1 : ranges > 1024 ? 1024 : ranges;
}

cudaError_t probe_products(const DeviceBlock& block, const double* by_probe, double* scratch,
                           double* products, double* sums, bool add, cudaStream_t stream) {
  double* gathered = scratch;
  double* partial = scratch + probe_count * block.rows;
  gather_kernel<<<static_cast<unsigned>((block.rows + gather_rows - 1) / gather_rows),
                  gather_threads, 0, stream>>>(block, by_probe, gathered);
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) return status;

  const std::int64_t wanted = probe_ranges(block.rows, block.cols);
  const std::int64_t range = (block.rows + wanted - 1) / wanted;
  const auto ranges = static_cast<unsigned>((block.rows + range - 1) / range);
  const auto pairs = static_cast<unsigned>((block.cols + spread_columns - 1) / spread_columns);
  spread_kernel<<<dim3(pairs, ranges), spread_threads, 0, stream>>>(block, gathered, partial,
                                                                    range);
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) return status;

  const auto across = static_cast<unsigned>((block.cols + spread_threads - 1) / spread_threads);
  add_ranges_kernel<<<dim3(across, spread_sums), spread_threads, 0, stream>>>(
      partial, ranges, block.cols, products, sums, add);
  return cudaGetLastError();
}

}  // namespace rankme::cuda
