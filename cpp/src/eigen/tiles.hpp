// How a symmetric matrix lies in memory on its way to tridiagonal form: in square tiles, and then
// in a band. Private to cpp/src/eigen.
#pragma once

#include <cstdint>

namespace rankme {

// The side of a tile and the width of the band. A tile is 8 KiB, so that those of one product stay
// in the first cache; wider bands cost more in the second stage than they save in the first.
constexpr std::int64_t tile_side = 32;
constexpr std::int64_t tile_size = tile_side * tile_side;

// The lower triangle of a matrix of `count` tiles a side, tile column after tile column. A tile is
// column-major; those on the diagonal are whole. What is beyond the matrix is zero.
struct Tiles {
  double* data;
  std::int64_t count;

  static std::int64_t size(std::int64_t count) { return count * (count + 1) / 2 * tile_size; }
  double* at(std::int64_t i, std::int64_t j) const {
    return data + (j * count - j * (j - 1) / 2 + i - j) * tile_size;
  }
};

// Entries (i, j), j <= i < j + 2 tile_side, of a symmetric matrix: its band, and below it room for
// what the second stage pushes out of it. Columns of zeros follow the last one, and a few entries
// that nobody reads follow every column: whole registers are stored across the diagonal.
struct Band {
  double* data;
  std::int64_t order;

  static constexpr std::int64_t column = 2 * tile_side + 8;
  // From an entry to the one at its right.
  static constexpr std::int64_t stride = column - 1;
  static std::int64_t size(std::int64_t order) { return (order + 3 * tile_side) * column; }
  double* at(std::int64_t i, std::int64_t j) const { return data + j * column + (i - j); }
};

// I - tau v v^T with v[0] = 1: orthogonal, and symmetric.
struct Reflector {
  alignas(64) double v[tile_side];
  double tau;
};

}  // namespace rankme
