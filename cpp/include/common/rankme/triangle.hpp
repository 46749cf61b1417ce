// The lower triangle of a symmetric matrix in row-major order: walked by threads, packed and back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rankme/parallel.hpp"

namespace rankme {

// Calls body(i) for each row i of the triangle. A short row goes with a long one, so that equal
// ranges are equal work. Small matrices are not worth a second thread.
template <class Body>
void for_each_row(std::int64_t dim, int workers, const Body& body) {
  const std::int64_t pairs = (dim + 1) / 2;
  const auto walk = [&](int, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      body(i);
      if (dim - 1 - i != i) body(dim - 1 - i);
    }
  };
  if (workers <= 1 || dim < 512) {
    walk(0, 0, pairs);
  } else {
    parallel_ranges(pairs, workers, walk);
  }
}

inline void pack_triangle(const std::vector<double>& matrix, std::int64_t dim, double* packed) {
  for (std::int64_t i = 0; i < dim; ++i) {
    const double* row = matrix.data() + i * dim;
    packed = std::copy(row, row + i + 1, packed);
  }
}

inline std::vector<double> packed_triangle(const std::vector<double>& matrix, std::int64_t dim) {
  std::vector<double> packed(static_cast<std::size_t>(dim * (dim + 1) / 2));
  pack_triangle(matrix, dim, packed.data());
  return packed;
}

// In the memory of the matrix.
inline std::vector<double> packed_triangle(std::vector<double>&& matrix, std::int64_t dim) {
  double* to = matrix.data();
  for (std::int64_t i = 0; i < dim; ++i) {
    const double* row = matrix.data() + i * dim;
    to = std::copy(row, row + i + 1, to);
  }
  matrix.resize(static_cast<std::size_t>(dim * (dim + 1) / 2));
  return std::move(matrix);
}

inline void unpack_triangle(const double* packed, std::int64_t dim, std::vector<double>& matrix) {
  for (std::int64_t i = 0; i < dim; ++i) {
    std::copy(packed, packed + i + 1, matrix.data() + i * dim);
    packed += i + 1;
  }
}

}  // namespace rankme
