// Triangular factors stacked on rows, for the streaming QR factorisation. Column-major throughout.
#pragma once

#include "kernels.hpp"
#include "sums.cuh"

namespace rankme::cuda {

namespace {

struct UpperOnTop {
  double* stack;
  const double* upper;
  const double* lower;  // another factor below it, or none
  std::int64_t order;
  std::int64_t rows;  // of the stack
  __device__ void operator()(std::int64_t k) const {
    const std::int64_t j = k / order;
    const std::int64_t i = k % order;
    stack[j * rows + i] = i <= j ? upper[k] : 0;
    if (lower != nullptr) stack[j * rows + order + i] = i <= j ? lower[k] : 0;
  }
};

struct TakeFactor {
  double* factor;
  const double* stack;
  std::int64_t order;
  std::int64_t rows;
  __device__ void operator()(std::int64_t k) const {
    const std::int64_t j = k / order;
    const std::int64_t i = k % order;
    factor[k] = i <= j ? stack[j * rows + i] : 0;
  }
};

constexpr int turned = 32;

// The block, turned, below the factor; `first` is the stack's column of the block's first.
__global__ void __launch_bounds__(turned * 8)
    rows_below_kernel(double* stack, std::int64_t order, std::int64_t rows, std::int64_t first,
                      DeviceBlock block, std::int64_t tiles_across) {
  __shared__ double tile[turned][turned + 1];
  const std::int64_t row0 = static_cast<std::int64_t>(blockIdx.x) / tiles_across * turned;
  const std::int64_t col0 = static_cast<std::int64_t>(blockIdx.x) % tiles_across * turned;
  for (int r = threadIdx.y; r < turned; r += blockDim.y) {
    const std::int64_t i = row0 + r;
    const std::int64_t j = col0 + threadIdx.x;
    tile[r][threadIdx.x] = i < block.rows && j < block.cols ? block.data[i * block.stride + j] : 0;
  }
  __syncthreads();
  for (int c = threadIdx.y; c < turned; c += blockDim.y) {
    const std::int64_t i = row0 + threadIdx.x;
    const std::int64_t j = col0 + c;
    if (i < block.rows && j < block.cols) {
      stack[(first + j) * rows + order + i] = tile[threadIdx.x][c];
    }
  }
}

}  // namespace

cudaError_t stack_rows(double* stack, const double* factor, std::int64_t order,
                       const DeviceBlock& block, cudaStream_t stream) {
  const std::int64_t rows = order + block.rows;
  const std::int64_t first = order - block.cols;
  cudaError_t status =
      for_each(order * order, stream, UpperOnTop{stack, factor, nullptr, order, rows});
  if (status != cudaSuccess) return status;
  if (first == 1) {
    status = for_each(block.rows, stream, Fill{stack + order, 1});
    if (status != cudaSuccess) return status;
  }
  const std::int64_t across = (block.cols + turned - 1) / turned;
  const std::int64_t down = (block.rows + turned - 1) / turned;
  rows_below_kernel<<<static_cast<unsigned>(across * down), dim3(turned, 8), 0, stream>>>(
      stack, order, rows, first, block, across);
  return cudaGetLastError();
}

cudaError_t stack_factors(double* stack, const double* upper, const double* lower,
                          std::int64_t order, cudaStream_t stream) {
  return for_each(order * order, stream, UpperOnTop{stack, upper, lower, order, 2 * order});
}

cudaError_t take_factor(double* factor, const double* stack, std::int64_t rows, std::int64_t order,
                        cudaStream_t stream) {
  return for_each(order * order, stream, TakeFactor{factor, stack, order, rows});
}

}  // namespace rankme::cuda
