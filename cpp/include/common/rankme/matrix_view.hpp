// A matrix that somebody else owns: where it lies, what its entries are, how to step through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace rankme {

enum class DType { float16, bfloat16, float32, float64 };

constexpr std::int64_t item_size(DType dtype) {
  switch (dtype) {
    case DType::float16:
    case DType::bfloat16:
      return 2;
    case DType::float32:
      return 4;
    case DType::float64:
      return 8;
  }
  throw std::invalid_argument("unknown dtype");
}

// Strides are in bytes and may be negative, zero, or no multiple of the item size, so that every
// array that NumPy can describe is a view. Rows that were picked out of others stand at no one
// stride: row i of them begins row_offsets[i] bytes behind `data`, and row_stride only tells how
// close rows may be. What is viewed must outlive the view, the offsets too.
struct MatrixView {
  const std::byte* data = nullptr;
  DType dtype = DType::float64;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;
  std::int64_t col_stride = 0;
  const std::int64_t* row_offsets = nullptr;  // of rows that were picked out

  const std::byte* at(std::int64_t row, std::int64_t col) const {
    const std::int64_t offset = row_offsets == nullptr ? row * row_stride : row_offsets[row];
    return data + offset + col * col_stride;
  }

  MatrixView row_range(std::int64_t begin, std::int64_t end) const {
    MatrixView part = *this;
    if (row_offsets == nullptr) {
      part.data = at(begin, 0);
    } else {
      part.row_offsets += begin;
    }
    part.rows = end - begin;
    return part;
  }

  MatrixView transposed() const {
    if (row_offsets != nullptr) throw std::logic_error("picked rows cannot be transposed");
    return {data, dtype, cols, rows, col_stride, row_stride};
  }
};

// The view of a C-ordered block, for callers in C++.
template <class T>
MatrixView row_major(const T* data, DType dtype, std::int64_t rows, std::int64_t cols) {
  const auto size = static_cast<std::int64_t>(sizeof(T));
  return {reinterpret_cast<const std::byte*>(data), dtype, rows, cols, cols * size, size};
}

inline MatrixView view_of(const double* data, std::int64_t rows, std::int64_t cols) {
  return row_major(data, DType::float64, rows, cols);
}

inline MatrixView view_of(const float* data, std::int64_t rows, std::int64_t cols) {
  return row_major(data, DType::float32, rows, cols);
}

}  // namespace rankme
