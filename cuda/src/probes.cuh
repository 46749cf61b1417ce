// Probe products B^T (B X) and column sums: code of our own in another order than the products of
// the Gram matrix, so that a fault of either shows. Two stages without atomic additions, so that
// results repeat to the last bit.
#pragma once

#include "element.cuh"
#include "kernels.hpp"
#include "rankme/probe.hpp"

namespace rankme::cuda {

namespace {

constexpr int gather_rows = 4;  // rows of a warp: 32 running sums a thread, and X read once for all
constexpr int gather_threads = 128;
constexpr int spread_threads = 128;
constexpr int spread_sums = probe_count + 1;  // the probes' and the column's own

}  // namespace

// T (rows, 8) = B X, a warp for each four rows.
__global__ void __launch_bounds__(gather_threads)
    gather_kernel(DeviceBlock block, const double* __restrict__ by_probe,
                  double* __restrict__ out) {
  const int lane = threadIdx.x % 32;
  const std::int64_t warp =
      static_cast<std::int64_t>(blockIdx.x) * (gather_threads / 32) + threadIdx.x / 32;
  const std::int64_t first = warp * gather_rows;
  if (first >= block.rows) return;
  // Beyond the last row the last one is read again and not written.
  const double* rows[gather_rows];
#pragma unroll
  for (int r = 0; r < gather_rows; ++r) {
    const std::int64_t row = first + r < block.rows ? first + r : block.rows - 1;
    rows[r] = block.data + row * block.stride;
  }
  double sums[gather_rows][probe_count] = {};
  for (std::int64_t j = lane; j < block.cols; j += 32) {
    double b[gather_rows];
#pragma unroll
    for (int r = 0; r < gather_rows; ++r) b[r] = rows[r][j];
#pragma unroll
    for (int p = 0; p < probe_count; ++p) {
      const double x = __ldg(by_probe + p * block.cols + j);
#pragma unroll
      for (int r = 0; r < gather_rows; ++r) sums[r][p] += b[r] * x;
    }
  }
#pragma unroll
  for (int r = 0; r < gather_rows; ++r) {
#pragma unroll
    for (int p = 0; p < probe_count; ++p) {
      double sum = sums[r][p];
      for (int offset = 16; offset > 0; offset /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, offset);
      }
      if (lane == p && first + r < block.rows) out[(first + r) * probe_count + p] = sum;
    }
  }
}

// partial[range, p, j] = sum over the rows of a range of B[i, j] T[i, p], and of B[i, j] for the
// ninth p: a thread for each column.
__global__ void __launch_bounds__(spread_threads)
    spread_kernel(DeviceBlock block, const double* __restrict__ gathered,
                  double* __restrict__ partial, std::int64_t range) {
  constexpr int together = 32;
  __shared__ double t[together * probe_count];
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.x) * spread_threads + threadIdx.x;
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.y) * range;
  const std::int64_t end = begin + range < block.rows ? begin + range : block.rows;
  double sums[spread_sums] = {};
  for (std::int64_t row = begin; row < end; row += together) {
    const auto count = static_cast<int>(end - row < together ? end - row : together);
    __syncthreads();
    for (int k = threadIdx.x; k < count * probe_count; k += spread_threads) {
      t[k] = gathered[row * probe_count + k];
    }
    __syncthreads();
    if (j >= block.cols) continue;
    const double* from = block.data + row * block.stride + j;
#pragma unroll 4
    for (int i = 0; i < count; ++i) {
      const double b = from[i * block.stride];
#pragma unroll
      for (int p = 0; p < probe_count; ++p) sums[p] += b * t[i * probe_count + p];
      sums[probe_count] += b;
    }
  }
  if (j >= block.cols) return;
  double* to = partial + static_cast<std::int64_t>(blockIdx.y) * spread_sums * block.cols + j;
#pragma unroll
  for (int p = 0; p < spread_sums; ++p) to[p * block.cols] = sums[p];
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
  constexpr std::int64_t wanted_blocks = 132 * 12;
  constexpr std::int64_t least_rows = 32;
  const std::int64_t across = (cols + spread_threads - 1) / spread_threads;
  const std::int64_t by_threads = (wanted_blocks + across - 1) / across;
  const std::int64_t by_rows = (rows + least_rows - 1) / least_rows;
  const std::int64_t ranges = by_threads < by_rows ? by_threads : by_rows;
  return ranges < 1 ? 1 : ranges > 1024 ? 1024 : ranges;
}

cudaError_t probe_products(const DeviceBlock& block, const double* by_probe, double* scratch,
                           double* products, double* sums, bool add, cudaStream_t stream) {
  double* gathered = scratch;
  double* partial = scratch + probe_count * block.rows;
  const std::int64_t rows_a_block = gather_rows * (gather_threads / 32);
  gather_kernel<<<static_cast<unsigned>((block.rows + rows_a_block - 1) / rows_a_block),
                  gather_threads, 0, stream>>>(block, by_probe, gathered);
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) return status;

  const std::int64_t wanted = probe_ranges(block.rows, block.cols);
  const std::int64_t range = (block.rows + wanted - 1) / wanted;
  const auto ranges = static_cast<unsigned>((block.rows + range - 1) / range);
  const auto across = static_cast<unsigned>((block.cols + spread_threads - 1) / spread_threads);
  spread_kernel<<<dim3(across, ranges), spread_threads, 0, stream>>>(block, gathered, partial,
                                                                     range);
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) return status;

  add_ranges_kernel<<<dim3(across, spread_sums), spread_threads, 0, stream>>>(
      partial, ranges, block.cols, products, sums, add);
  return cudaGetLastError();
}

}  // namespace rankme::cuda
