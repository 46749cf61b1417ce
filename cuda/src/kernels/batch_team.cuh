// The threads of a block, as the arithmetic of the batch kernels sees them. That arithmetic is
// written against this interface and not against threadIdx, so that a test can run it, lane by
// lane, on a machine without a GPU.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define RANKME_DEVICE __device__ __forceinline__
#define RANKME_UNROLL _Pragma("unroll")
#define RANKME_KEEP_LOOP _Pragma("unroll 1")
#else
#define RANKME_DEVICE inline
#define RANKME_UNROLL
#define RANKME_KEEP_LOOP
#endif

namespace rankme::cuda::batch {

constexpr int warp_size = 32;

#ifdef __CUDACC__
class ThreadBlock {
public:
  __device__ explicit ThreadBlock(double* scratch) : scratch_(scratch) {}  // one double a warp
  __device__ int rank() const { return static_cast<int>(threadIdx.x); }
  __device__ int size() const { return static_cast<int>(blockDim.x); }
  __device__ int lane() const { return rank() % warp_size; }
  __device__ int warp() const { return rank() / warp_size; }
  __device__ int warps() const { return size() / warp_size; }
  __device__ void sync() const { __syncthreads(); }
  // Of a warp, whose lanes must all take part.
  __device__ double shuffle(double x, int from) const { return __shfl_sync(~0u, x, from); }
  __device__ double shuffle_xor(double x, int mask) const { return __shfl_xor_sync(~0u, x, mask); }
  __device__ bool any(bool x) const { return __any_sync(~0u, x) != 0; }
  __device__ double* scratch() const { return scratch_; }

private:
  double* scratch_;
};
#endif

// Sums over all threads, in the same order every time; every thread gets the same bits.
template <class Team>
RANKME_DEVICE double sum_over(const Team& team, double x) {
  for (int mask = warp_size / 2; mask > 0; mask /= 2) x += team.shuffle_xor(x, mask);
  if (team.warps() == 1) return x;
  if (team.lane() == 0) team.scratch()[team.warp()] = x;
  team.sync();
  double total = 0;
  for (int warp = 0; warp < team.warps(); ++warp) total += team.scratch()[warp];
  team.sync();
  return total;
}

// C += A B of an 8 x 4 and a 4 x 8 matrix, in the layout of the tensor cores (PTX ISA, mma.m8n8k4
// with .f64): lane l holds A(l / 4, l % 4), B(l % 4, l / 4) and C(l / 4, 2 (l % 4) + {0, 1}).
template <class Team>
RANKME_DEVICE void multiply_8x8([[maybe_unused]] const Team& team, double (&c)[2], double a,
                                double b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
      : "+d"(c[0]), "+d"(c[1])
      : "d"(a), "d"(b));
#else
  const int row = team.lane() / 4;
  const int column = 2 * (team.lane() % 4);
  RANKME_KEEP_LOOP  // hundreds of copies of this would keep the compiler busy for minutes
      for (int k = 0; k < 4; ++k) {
    const double left = team.shuffle(a, 4 * row + k);
    c[0] += left * team.shuffle(b, 4 * column + k);
    c[1] += left * team.shuffle(b, 4 * (column + 1) + k);
  }
#endif
}

// The same for two tiles one above the other: mma.m16n8k4, which came with sm_90 and has twice the
// rate there.
template <class Team>
RANKME_DEVICE void multiply_16x8(const Team& team, double (&top)[2], double (&bottom)[2],
                                 double a_top, double a_bottom, double b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm("mma.sync.aligned.m16n8k4.row.col.f64.f64.f64.f64 {%0, %1, %2, %3}, {%4, %5}, {%6}, "
      "{%0, %1, %2, %3};"
      : "+d"(top[0]), "+d"(top[1]), "+d"(bottom[0]), "+d"(bottom[1])
      : "d"(a_top), "d"(a_bottom), "d"(b));
#else
  multiply_8x8(team, top, a_top, b);
  multiply_8x8(team, bottom, a_bottom, b);
#endif
}

}  // namespace rankme::cuda::batch
