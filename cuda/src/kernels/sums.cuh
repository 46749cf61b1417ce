// Sums of Gram matrices, and what a spectrum needs of one.
#pragma once

#include "element.cuh"
#include "kernels.hpp"

namespace rankme::cuda {

namespace {

constexpr int sum_threads = 256;

unsigned blocks_for(std::int64_t n) {
  const std::int64_t blocks = (n + sum_threads - 1) / sum_threads;
  return static_cast<unsigned>(blocks < 65536 ? blocks : 65536);
}

// Applies body(k) to every k < n.
template <class Body>
__global__ void __launch_bounds__(sum_threads) for_each_kernel(std::int64_t n, Body body) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * sum_threads;
  for (std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * sum_threads + threadIdx.x; k < n;
       k += step) {
    body(k);
  }
}

// Applies body(i, j) to every entry of a lower triangle, along rows.
template <class Body>
__global__ void __launch_bounds__(sum_threads) for_triangle_kernel(std::int64_t dim, Body body) {
  for (std::int64_t i = blockIdx.x; i < dim; i += gridDim.x) {
    for (std::int64_t j = threadIdx.x; j <= i; j += sum_threads) body(i, j);
  }
}

template <class Body>
cudaError_t for_each(std::int64_t n, cudaStream_t stream, Body body) {
  if (n < 1) return cudaSuccess;
  for_each_kernel<<<blocks_for(n), sum_threads, 0, stream>>>(n, body);
  return cudaGetLastError();
}

template <class Body>
cudaError_t for_triangle(std::int64_t dim, cudaStream_t stream, Body body) {
  const auto grid = static_cast<unsigned>(dim < 65536 ? dim : 65536);
  for_triangle_kernel<<<grid, sum_threads, 0, stream>>>(dim, body);
  return cudaGetLastError();
}

// Bodies are structs and not lambdas: extended lambdas would need another flag of nvcc.
struct AddTriangle {
  double* to;
  const double* from;
  std::int64_t dim;
  int shift;
  __device__ void operator()(std::int64_t i, std::int64_t j) const {
    const double x = from[i * dim + j];
    to[i * dim + j] += shift == 0 ? x : scalbn(x, shift);
  }
};

struct AddScaled {
  double* to;
  const double* from;
  int shift;
  __device__ void operator()(std::int64_t k) const {
    to[k] += shift == 0 ? from[k] : scalbn(from[k], shift);
  }
};

struct Scale {
  double* x;
  int shift;
  __device__ void operator()(std::int64_t k) const { x[k] = scalbn(x[k], shift); }
};

struct Fill {
  double* x;
  double value;
  __device__ void operator()(std::int64_t k) const { x[k] = value; }
};

struct GatherTiles {
  double* gram;
  const double* sums;
  std::int64_t dim;
  std::int64_t tile;
  std::int64_t splits;
  std::int64_t tiles;
  __device__ void operator()(std::int64_t i, std::int64_t j) const {
    const std::int64_t down = i / tile;
    const std::int64_t across = j / tile;
    const std::int64_t t = down * (down + 1) / 2 + across;
    const std::int64_t area = tile * tile;
    const double* at = sums + t * area + (i - down * tile) * tile + (j - across * tile);
    double sum = 0;
    for (std::int64_t s = 0; s < splits; ++s) sum += at[s * tiles * area];
    gram[i * dim + j] = sum;
  }
};

struct GatherFloats {
  double* gram;
  const float* products;
  std::int64_t dim;
  std::int64_t count;
  bool add;
  __device__ void operator()(std::int64_t i, std::int64_t j) const {
    const std::int64_t at = i * dim + j;
    double sum = add ? gram[at] : 0;
    for (std::int64_t c = 0; c < count; ++c)
      sum += static_cast<double>(products[c * dim * dim + at]);
    gram[at] = sum;
  }
};

struct KeepDimensions {
  double* out;
  std::int64_t order;
  const double* gram;
  std::int64_t dim;
  const std::int64_t* kept;
  const double* column_sums;
  double n_rows;
  __device__ void operator()(std::int64_t i, std::int64_t j) const {
    const std::int64_t from_i = kept == nullptr ? i : kept[i];
    const std::int64_t from_j = kept == nullptr ? j : kept[j];
    double x = gram[from_i * dim + from_j];
    if (column_sums != nullptr) {
      const double mean = column_sums[from_i] / n_rows;
      // Two roundings, as the bound of centring counts them.
      x = __dsub_rn(x, __dmul_rn(mean, column_sums[from_j]));
    }
    out[i * order + j] = x;
  }
};

struct SubtractMeans {
  double* gram;
  std::int64_t dim;
  const double* means;
  const double* shifts;
  __device__ void operator()(std::int64_t i, std::int64_t j) const {
    gram[i * dim + j] -= means[j] + shifts[i];
  }
};

__global__ void __launch_bounds__(sum_threads)
    triangle_squares_kernel(const double* gram, std::int64_t dim, double* squares,
                            double* diagonal) {
  __shared__ double shared[32];
  const std::int64_t i = blockIdx.x;
  const double* row = gram + i * dim;
  double sum = 0;
  for (std::int64_t j = threadIdx.x; j < i; j += sum_threads) sum += 2 * row[j] * row[j];
  sum = combine_block(sum, shared, Sum());
  if (threadIdx.x != 0) return;
  squares[i] = sum + row[i] * row[i];
  diagonal[i] = row[i];
}

}  // namespace

cudaError_t add_triangle(double* to, const double* from, std::int64_t dim, int shift,
                         cudaStream_t stream) {
  return for_triangle(dim, stream, AddTriangle{to, from, dim, shift});
}

cudaError_t add_scaled(double* to, const double* from, std::int64_t n, int shift,
                       cudaStream_t stream) {
  return for_each(n, stream, AddScaled{to, from, shift});
}

cudaError_t scale(double* x, std::int64_t n, int shift, cudaStream_t stream) {
  return for_each(n, stream, Scale{x, shift});
}

cudaError_t fill(double* x, std::int64_t n, double value, cudaStream_t stream) {
  return for_each(n, stream, Fill{x, value});
}

cudaError_t gather_tiles(double* gram, const double* sums, std::int64_t dim, std::int64_t tile,
                         std::int64_t splits, cudaStream_t stream) {
  const std::int64_t across = (dim + tile - 1) / tile;
  const std::int64_t tiles = across * (across + 1) / 2;
  return for_triangle(dim, stream, GatherTiles{gram, sums, dim, tile, splits, tiles});
}

cudaError_t gather_floats(double* gram, const float* products, std::int64_t dim, std::int64_t count,
                          bool add, cudaStream_t stream) {
  return for_triangle(dim, stream, GatherFloats{gram, products, dim, count, add});
}

cudaError_t triangle_squares(const double* gram, std::int64_t dim, double* squares,
                             double* diagonal, cudaStream_t stream) {
  triangle_squares_kernel<<<static_cast<unsigned>(dim), sum_threads, 0, stream>>>(
      gram, dim, squares, diagonal);
  return cudaGetLastError();
}

cudaError_t keep_dimensions(double* out, std::int64_t order, const double* gram, std::int64_t dim,
                            const std::int64_t* kept, const double* column_sums, double n_rows,
                            cudaStream_t stream) {
  return for_triangle(order, stream,
                      KeepDimensions{out, order, gram, dim, kept, column_sums, n_rows});
}

cudaError_t subtract_means(double* gram, std::int64_t dim, const double* means,
                           const double* shifts, cudaStream_t stream) {
  return for_triangle(dim, stream, SubtractMeans{gram, dim, means, shifts});
}

}  // namespace rankme::cuda
