// How each dtype is loaded on the device, and reductions over a block of threads. Included by
// kernels.cu only.
#pragma once

#include <cuda_fp16.h>

#include <cstddef>
#include <cstdint>

#include "rankme/matrix_view.hpp"

namespace rankme::cuda {

template <DType dtype>
struct Element;

template <>
struct Element<DType::float16> {
  using Bits = unsigned short;
  static __device__ double value(Bits bits) {
    return static_cast<double>(__half2float(__ushort_as_half(bits)));
  }
};

template <>
struct Element<DType::bfloat16> {
  using Bits = unsigned short;
  static __device__ double value(Bits bits) {
    return static_cast<double>(__uint_as_float(static_cast<unsigned>(bits) << 16));
  }
};

template <>
struct Element<DType::float32> {
  using Bits = unsigned;
  static __device__ double value(Bits bits) { return static_cast<double>(__uint_as_float(bits)); }
};

template <>
struct Element<DType::float64> {
  using Bits = unsigned long long;
  static __device__ double value(Bits bits) {
    return __longlong_as_double(static_cast<long long>(bits));
  }
};

// aligned: the address is a multiple of the item size. Otherwise byte by byte.
template <DType dtype, bool aligned>
__device__ inline double load_element(const std::byte* at) {
  using Bits = typename Element<dtype>::Bits;
  if constexpr (aligned) {
    return Element<dtype>::value(__ldg(reinterpret_cast<const Bits*>(at)));
  } else {
    Bits bits = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(at);
    for (unsigned i = 0; i < sizeof(Bits); ++i) {
      bits = static_cast<Bits>(bits | (static_cast<Bits>(bytes[i]) << (8 * i)));
    }
    return Element<dtype>::value(bits);
  }
}

__device__ inline unsigned long long magnitude_of(double value) {
  return static_cast<unsigned long long>(__double_as_longlong(value)) & 0x7fffffffffffffffull;
}
constexpr unsigned long long nonfinite_magnitude = 0x7ff0000000000000ull;

// Over all threads of a block of at most 1024, a multiple of 32; the result is in every thread. The
// order of operations is fixed. `shared` has room for 32 values.
template <class T, class Combine>
__device__ inline T combine_block(T value, T* shared, Combine combine) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value = combine(value, __shfl_xor_sync(0xffffffffu, value, offset));
  }
  const unsigned thread = threadIdx.x + threadIdx.y * blockDim.x;
  const unsigned warps = (blockDim.x * blockDim.y + 31) / 32;
  __syncthreads();  // shared may still be read from the last time
  if (thread % 32 == 0) shared[thread / 32] = value;
  __syncthreads();
  value = shared[0];
  for (unsigned warp = 1; warp < warps; ++warp) value = combine(value, shared[warp]);
  return value;
}

struct Largest {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};
struct Smallest {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a < b ? a : b;
  }
};
struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

}  // namespace rankme::cuda
