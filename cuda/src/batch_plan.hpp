// Which matrices of a batch are computed together. Host logic only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/batch_types.hpp"
#include "rankme/matrix_view.hpp"

namespace rankme::cuda::batch {

// How many warps share one matrix whose vectors have so many entries.
int warps_for(DType dtype, std::int64_t length);

// What a launch of the kernels has in common.
struct Group {
  DType dtype;
  int width;  // of the kernel: 16, 32 or 64
  int warps;
  std::int64_t largest_order = 0;
  std::vector<std::int64_t> members;  // numbers of matrices, ascending
};

struct Plan {
  std::vector<Group> groups;
  std::vector<std::int64_t> large;  // those that no kernel here takes, ascending
};

Plan plan(std::span<const MatrixView> zs, bool center);

// The vectors of z, to be read where z lies.
Matrix vectors_of(const MatrixView& z);

// The longest chain of additions behind an entry of a Gram matrix, at most.
double addition_depth(std::int64_t length, int warps);

// z as it is packed for its way to the device: lines along the axis that is read fastest, each
// beginning at a multiple of 16 bytes.
struct Packed {
  bool by_columns;
  std::int64_t lines;
  std::int64_t line_bytes;  // without what fills up to pitch
  std::int64_t pitch;
  std::int64_t bytes() const { return lines * pitch; }
};
Packed packing_of(const MatrixView& z);
void pack(const MatrixView& z, const Packed& packed, std::byte* to);
// z as a view of what pack() has written, once that lies at `data`.
MatrixView view_of(const MatrixView& z, const Packed& packed, const std::byte* data);

}  // namespace rankme::cuda::batch
