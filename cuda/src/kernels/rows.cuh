// Rows into float64 blocks, checked on the way, and what is done to them before products.
#pragma once

#include "element.cuh"
#include "kernels.hpp"

namespace rankme::cuda {

constexpr int row_threads = 256;

// What one thread has seen; the block's result goes to the flags with one atomic each.
struct Seen {
  unsigned long long first_bad = no_bad_entry;
  unsigned long long largest = 0;

  __device__ void look(double value, unsigned long long index) {
    const unsigned long long magnitude = magnitude_of(value);
    if (magnitude >= nonfinite_magnitude) {
      first_bad = index < first_bad ? index : first_bad;
    } else {
      largest = magnitude > largest ? magnitude : largest;
    }
  }
  __device__ void tell(Flags* flags) const {
    __shared__ unsigned long long shared[32];
    const unsigned long long bad = combine_block(first_bad, shared, Smallest());
    const unsigned long long most = combine_block(largest, shared, Largest());
    if (threadIdx.x == 0 && threadIdx.y == 0) {
      if (bad != no_bad_entry) atomicMin(&flags->first_bad, bad);
      if (most != 0) atomicMax(&flags->largest, most);
    }
  }
};

// Four entries that lie one after the other and are aligned together.
template <DType dtype>
__device__ inline void load_four(const std::byte* at, double* out) {
  using Bits = typename Element<dtype>::Bits;
  struct alignas(sizeof(Bits) * 4 > 16 ? 16 : sizeof(Bits) * 4) Four {
    Bits bits[4];
  };
  const Four four = *reinterpret_cast<const Four*>(at);
#pragma unroll
  for (int k = 0; k < 4; ++k) out[k] = Element<dtype>::value(four.bits[k]);
}

constexpr int strips = 2;  // of four columns, that a thread takes in each of its rows

// Rows that are contiguous, or at least walked along: a thread for each row of a block and each
// four columns. blockIdx.x goes down the rows, blockIdx.y across.
template <DType dtype, bool aligned, bool together>
__global__ void __launch_bounds__(row_threads)
    widen_rows(MatrixView z, DeviceBlock block, EntryIndex index, Flags* flags) {
  Seen seen;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const std::byte* from = z.data + i * z.row_stride;
  double* to = block.data + i * block.stride;
#pragma unroll
  for (int strip = 0; strip < strips; ++strip) {
    const std::int64_t j =
        4 * ((static_cast<std::int64_t>(blockIdx.y) * strips + strip) * blockDim.x + threadIdx.x);
    if (i >= block.filled_rows || j >= block.stride) continue;
    double four[4] = {};
    if (i < z.rows) {
      if (together && j + 4 <= z.cols) {
        load_four<dtype>(from + j * z.col_stride, four);
      } else {
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          if (j + k < z.cols) {
            four[k] = load_element<dtype, aligned>(from + (j + k) * z.col_stride);
          }
        }
      }
      const std::int64_t at = index.begin + i * index.row + j * index.col;
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        seen.look(four[k], static_cast<unsigned long long>(at + k * index.col));
      }
    }
    auto* out = reinterpret_cast<double2*>(to + j);
    out[0] = make_double2(four[0], four[1]);
    out[1] = make_double2(four[2], four[3]);
  }
  seen.tell(flags);
}

constexpr int turn = 32;  // rows and columns of a tile that is turned in shared memory

// Columns that are contiguous: read along them, written along rows. Tiles lie along blockIdx.x
// over the columns of a range of rows, then over the next.
template <DType dtype, bool aligned>
__global__ void __launch_bounds__(row_threads)
    widen_columns(MatrixView z, DeviceBlock block, EntryIndex index, std::int64_t tiles_across,
                  Flags* flags) {
  __shared__ double tile[turn][turn + 1];
  const std::int64_t row0 = static_cast<std::int64_t>(blockIdx.x) / tiles_across * turn;
  const std::int64_t col0 = static_cast<std::int64_t>(blockIdx.x) % tiles_across * turn;
  Seen seen;
  for (int c = threadIdx.y; c < turn; c += blockDim.y) {
    const std::int64_t i = row0 + threadIdx.x;
    const std::int64_t j = col0 + c;
    double value = 0;
    if (i < z.rows && j < z.cols) {
      value = load_element<dtype, aligned>(z.data + i * z.row_stride + j * z.col_stride);
      const std::int64_t at = index.begin + i * index.row + j * index.col;
      seen.look(value, static_cast<unsigned long long>(at));
    }
    tile[c][threadIdx.x] = value;
  }
  __syncthreads();
  for (int r = threadIdx.y; r < turn; r += blockDim.y) {
    const std::int64_t i = row0 + r;
    const std::int64_t j = col0 + threadIdx.x;
    if (i < block.filled_rows && j < block.stride)
      block.data[i * block.stride + j] = tile[threadIdx.x][r];
  }
  seen.tell(flags);
}

template <DType dtype, bool aligned>
cudaError_t launch_widen(const MatrixView& z, const DeviceBlock& block, const EntryIndex& index,
                         Flags* flags, cudaStream_t stream) {
  const std::int64_t item = item_size(dtype);
  const auto distance = [](std::int64_t stride) { return stride < 0 ? -stride : stride; };
  const bool by_columns = z.rows > 1 && distance(z.row_stride) < distance(z.col_stride);
  if (by_columns) {
    const std::int64_t across = (block.stride + turn - 1) / turn;
    const std::int64_t down = (block.filled_rows + turn - 1) / turn;
    widen_columns<dtype, aligned>
        <<<static_cast<unsigned>(across * down), dim3(turn, 8), 0, stream>>>(z, block, index,
                                                                             across, flags);
    return cudaGetLastError();
  }
  unsigned across = 1;
  while (across < 64 && 4 * across < block.stride) across *= 2;
  const dim3 threads(across, row_threads / across);
  const std::int64_t width = 4 * static_cast<std::int64_t>(across) * strips;
  const dim3 grid(static_cast<unsigned>((block.filled_rows + threads.y - 1) / threads.y),
                  static_cast<unsigned>((block.stride + width - 1) / width));
  const std::int64_t four = 4 * item > 16 ? 16 : 4 * item;
  const bool together =
      aligned && z.col_stride == item &&
      reinterpret_cast<std::uintptr_t>(z.data) % static_cast<std::uintptr_t>(four) == 0 &&
      (z.rows == 1 || z.row_stride % four == 0);
  if (together) {
    widen_rows<dtype, aligned, true><<<grid, threads, 0, stream>>>(z, block, index, flags);
  } else {
    widen_rows<dtype, aligned, false><<<grid, threads, 0, stream>>>(z, block, index, flags);
  }
  return cudaGetLastError();
}

template <DType dtype>
cudaError_t widen_dtype(const MatrixView& z, const DeviceBlock& block, const EntryIndex& index,
                        Flags* flags, cudaStream_t stream) {
  const auto item = static_cast<std::int64_t>(item_size(dtype));
  const auto address = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(z.data));
  const bool aligned = address % item == 0 && z.row_stride % item == 0 && z.col_stride % item == 0;
  return aligned ? launch_widen<dtype, true>(z, block, index, flags, stream)
                 : launch_widen<dtype, false>(z, block, index, flags, stream);
}

cudaError_t widen(const MatrixView& z, const DeviceBlock& block, const EntryIndex& index,
                  Flags* flags, cudaStream_t stream) {
  switch (z.dtype) {
    case DType::float16:
      return widen_dtype<DType::float16>(z, block, index, flags, stream);
    case DType::bfloat16:
      return widen_dtype<DType::bfloat16>(z, block, index, flags, stream);
    case DType::float32:
      return widen_dtype<DType::float32>(z, block, index, flags, stream);
    case DType::float64:
      return widen_dtype<DType::float64>(z, block, index, flags, stream);
  }
  return cudaErrorInvalidValue;
}

// ---- shapes ------------------------------------------------------------------------------------

constexpr int shape_threads = 128;

struct RowScale {
  double power;
  double inverse;
};

// rankme::unit_scale() of one row by all threads of a block.
__device__ inline RowScale unit_scale(const double* row, std::int64_t cols) {
  __shared__ double shared[32];
  double squares = 0;
  double largest = 0;
  for (std::int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
    squares += row[j] * row[j];
    largest = fmax(largest, fabs(row[j]));
  }
  squares = combine_block(squares, shared, Sum());
  if (squares > 1e-200 && squares < 1e200) return {1, 1 / sqrt(squares)};
  largest = combine_block(largest, shared, Largest());
  if (!(largest > 0)) return {1, 1};
  const int exponent = ilogb(largest);
  const double power = scalbn(1.0, -(exponent < -1000 ? -1000 : exponent > 1000 ? 1000 : exponent));
  squares = 0;
  for (std::int64_t j = threadIdx.x; j < cols; j += blockDim.x) {
    squares += (row[j] * power) * (row[j] * power);
  }
  squares = combine_block(squares, shared, Sum());
  return {power, 1 / sqrt(squares)};
}

__global__ void __launch_bounds__(shape_threads)
    shape_rows_kernel(DeviceBlock block, Shape shape, Flags* flags) {
  __shared__ unsigned long long shared[32];
  double* row = block.data + static_cast<std::int64_t>(blockIdx.x) * block.stride;
  const RowScale scale = shape.normalize ? unit_scale(row, block.cols) : RowScale{1, 1};
  const auto shaped = [&](std::int64_t j) {
    double x = row[j];
    if (shape.normalize) x = (x * scale.power) * scale.inverse;
    if (shape.column_powers != nullptr) {
      x = (x * shape.column_powers[j]) * shape.column_inverses[j];
    }
    if (shape.subtract_row != nullptr) x -= shape.subtract_row[j];
    return x;
  };
  const double first = shape.subtract_first_column ? shaped(0) : 0;
  __syncthreads();  // everyone has read the first entry before anyone writes it
  unsigned long long largest = 0;
  for (std::int64_t j = threadIdx.x; j < block.cols; j += blockDim.x) {
    const double x = shaped(j) - first;
    const unsigned long long magnitude = magnitude_of(x);
    largest = magnitude > largest ? magnitude : largest;
    row[j] = x * shape.factor;
  }
  largest = combine_block(largest, shared, Largest());
  if (threadIdx.x == 0) atomicMax(&flags->shaped, largest);
}

cudaError_t shape_rows(const DeviceBlock& block, const Shape& shape, Flags* flags,
                       cudaStream_t stream) {
  shape_rows_kernel<<<static_cast<unsigned>(block.rows), shape_threads, 0, stream>>>(block, shape,
                                                                                     flags);
  return cudaGetLastError();
}

__global__ void __launch_bounds__(shape_threads)
    row_scales_kernel(DeviceBlock block, double* powers, double* inverses) {
  const std::int64_t i = blockIdx.x;
  const RowScale scale = unit_scale(block.data + i * block.stride, block.cols);
  if (threadIdx.x != 0) return;
  powers[i] = scale.power;
  inverses[i] = scale.inverse;
}

cudaError_t row_scales(const DeviceBlock& block, double* powers, double* inverses,
                       cudaStream_t stream) {
  row_scales_kernel<<<static_cast<unsigned>(block.rows), shape_threads, 0, stream>>>(block, powers,
                                                                                     inverses);
  return cudaGetLastError();
}

}  // namespace rankme::cuda
