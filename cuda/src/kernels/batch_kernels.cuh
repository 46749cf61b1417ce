// The kernels for batches, and what launches them. kernels.cu includes this.
#pragma once

#include <stdexcept>

#include "batch_eigen.cuh"
#include "batch_finish.cuh"
#include "batch_kernels.hpp"
#include "rankme/cuda/check.hpp"

namespace rankme::cuda::batch {

namespace {

// 255 registers a thread: two blocks of four warps fill a multiprocessor's registers, and while one
// waits for memory the other multiplies.
template <class Entry, int tiles>
__global__ void __launch_bounds__(most_warps* warp_size, 2)
    gram_kernel(const Matrix* matrices, Options options, double* grams, std::int64_t slot,
                Facts* facts) {
  __shared__ Workspace<8 * tiles> work;
  const ThreadBlock team(nullptr);
  const std::int64_t b = blockIdx.x;
  const Matrix z = matrices[b];
  const Facts found = gram_of<Entry, tiles>(team, z, options, work, grams + b * slot);
  if (team.rank() == 0) facts[b] = found;
}

// A thread for every row, and for every eigenvalue.
template <int width>
__global__ void __launch_bounds__(width < warp_size ? warp_size : width)
    eigenvalue_kernel(const double* grams, std::int64_t slot, const Facts* facts,
                      double* eigenvalues) {
  constexpr int pitch = width + 1;
  __shared__ double a[width * pitch];
  __shared__ double vectors[5][width];
  __shared__ double scratch[warp_size];
  const ThreadBlock team(scratch);
  const std::int64_t b = blockIdx.x;
  const int n = facts[b].nonfinite == all_finite ? facts[b].order : 0;
  if (n == 0) return;
  const double* gram = grams + b * slot;
  for (int i = team.rank(); i < n * n; i += team.size()) a[i / n * pitch + i % n] = gram[i];
  team.sync();
  const Tridiagonal t{vectors[0], vectors[1], vectors[2], vectors[3], vectors[4]};
  tridiagonalize(team, a, n, pitch, t);
  bisect(team, t, n, eigenvalues + b * width);
}

template <class Entry>
void launch_grams_of(const Matrix* matrices, unsigned count, int width, int threads,
                     const Options& options, double* grams, std::int64_t slot, Facts* facts,
                     cudaStream_t stream) {
  switch (width) {
    case 16:
      gram_kernel<Entry, 2><<<count, threads, 0, stream>>>(matrices, options, grams, slot, facts);
      break;
    case 32:
      gram_kernel<Entry, 4><<<count, threads, 0, stream>>>(matrices, options, grams, slot, facts);
      break;
    case 64:
      gram_kernel<Entry, 8><<<count, threads, 0, stream>>>(matrices, options, grams, slot, facts);
      break;
    default:
      throw std::logic_error("no batch kernel of this width");
  }
}

}  // namespace

void launch_grams(const Matrix* matrices, std::int64_t count, DType dtype, int width, int warps,
                  const Options& options, double* grams, std::int64_t slot, Facts* facts,
                  cudaStream_t stream) {
  if (count == 0) return;
  const auto launch = [&](auto entry) {
    launch_grams_of<decltype(entry)>(matrices, static_cast<unsigned>(count), width,
                                     warps * warp_size, options, grams, slot, facts, stream);
  };
  switch (dtype) {
    case DType::float16:
      launch(Float16{});
      break;
    case DType::bfloat16:
      launch(BFloat16{});
      break;
    case DType::float32:
      launch(Float32{});
      break;
    case DType::float64:
      launch(Float64{});
      break;
  }
  RANKME_CUDA(cudaGetLastError());
}

void launch_eigenvalues(const double* grams, std::int64_t slot, std::int64_t count, int width,
                        const Facts* facts, double* eigenvalues, cudaStream_t stream) {
  if (count == 0) return;
  const auto blocks = static_cast<unsigned>(count);
  switch (width) {
    case 16:
      eigenvalue_kernel<16><<<blocks, 32, 0, stream>>>(grams, slot, facts, eigenvalues);
      break;
    case 32:
      eigenvalue_kernel<32><<<blocks, 32, 0, stream>>>(grams, slot, facts, eigenvalues);
      break;
    case 64:
      eigenvalue_kernel<64><<<blocks, 64, 0, stream>>>(grams, slot, facts, eigenvalues);
      break;
    default:
      throw std::logic_error("no batch kernel of this width");
  }
  RANKME_CUDA(cudaGetLastError());
}

}  // namespace rankme::cuda::batch
