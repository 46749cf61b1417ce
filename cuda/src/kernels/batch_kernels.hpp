// What the kernels for batches take and give; plain C++, no CUDA syntax.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "batch_types.hpp"
#include "rankme/matrix_view.hpp"

namespace rankme::cuda::batch {

// grams[b] gets the Gram matrix of matrices[b], ready for its eigenvalues, full and row-major,
// facts[b].order wide; it starts at b * slot. All pointers are to device memory. Every order, and
// the ones' row where there is one, must fit `width`: 16, 32 or 64.
void launch_grams(const Matrix* matrices, std::int64_t count, DType dtype, int width, int warps,
                  const Options& options, double* grams, std::int64_t slot, Facts* facts,
                  cudaStream_t stream);

// eigenvalues[b * width ...] gets those of grams[b] in ascending order, facts[b].order of them.
void launch_eigenvalues(const double* grams, std::int64_t slot, std::int64_t count, int width,
                        const Facts* facts, double* eigenvalues, cudaStream_t stream);

}  // namespace rankme::cuda::batch
