#include "batch_plan.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "rankme/widen.hpp"

namespace rankme::cuda::batch {

namespace {

constexpr std::int64_t packet_bytes = 16;

bool rows_are_vectors(const MatrixView& z) { return z.rows <= z.cols; }

// The kernel for vectors of such a number, or 0.
int width_for(std::int64_t vectors) {
  for (const int width : {16, 32, largest_width}) {
    if (vectors <= width) return width;
  }
  return 0;
}

bool all_multiples(const MatrixView& z, std::int64_t of) {
  return reinterpret_cast<std::uintptr_t>(z.data) % static_cast<std::uintptr_t>(of) == 0 &&
         z.row_stride % of == 0 && z.col_stride % of == 0;
}

}  // namespace

int warps_for(DType dtype, std::int64_t length) {
  // At least four rounds of 64 bytes for each, so that the sum over warps does not dominate.
  const std::int64_t rounds = length * item_size(dtype) / 256;
  return rounds >= most_warps ? most_warps : rounds >= 2 ? 2 : 1;
}

Plan plan(std::span<const MatrixView> zs, bool center) {
  Plan result;
  std::map<std::tuple<DType, int, int>, std::size_t> found;
  for (std::size_t i = 0; i < zs.size(); ++i) {
    const MatrixView& z = zs[i];
    const bool rows = rows_are_vectors(z);
    const std::int64_t order = rows ? z.rows : z.cols;
    const int width = width_for(center && !rows ? order + 1 : order);
    if (width == 0) {
      result.large.push_back(static_cast<std::int64_t>(i));
      continue;
    }
    const int warps = warps_for(z.dtype, rows ? z.cols : z.rows);
    const auto [at, is_new] = found.try_emplace({z.dtype, width, warps}, result.groups.size());
    if (is_new) result.groups.push_back({z.dtype, width, warps, 0, {}});
    Group& group = result.groups[at->second];
    group.largest_order = std::max(group.largest_order, order);
    group.members.push_back(static_cast<std::int64_t>(i));
  }
  return result;
}

Matrix vectors_of(const MatrixView& z) {
  const bool rows = rows_are_vectors(z);
  const std::int64_t item = item_size(z.dtype);
  const std::int64_t stride = rows ? z.row_stride : z.col_stride;
  const std::int64_t step = rows ? z.col_stride : z.row_stride;
  const auto address = reinterpret_cast<std::uintptr_t>(z.data);
  const bool packets = step == item && stride % packet_bytes == 0 && address % packet_bytes == 0;
  const Access access = packets                  ? Access::packets
                        : all_multiples(z, item) ? Access::entries
                                                 : Access::bytes;
  return {reinterpret_cast<const unsigned char*>(z.data),    stride, step, rows ? z.cols : z.rows,
          static_cast<std::int32_t>(rows ? z.rows : z.cols), access, rows};
}

double addition_depth(std::int64_t length, int warps) {
  // Each warp adds its share entry by entry, in whole rounds of 32 entries at most.
  return static_cast<double>(length / warps + 32 + warps);
}

Packed packing_of(const MatrixView& z) {
  const bool by_columns = natural_layout(z) == Layout::column_major;
  const std::int64_t lines = by_columns ? z.cols : z.rows;
  const std::int64_t line_bytes = (by_columns ? z.rows : z.cols) * item_size(z.dtype);
  const std::int64_t pitch = (line_bytes + packet_bytes - 1) / packet_bytes * packet_bytes;
  return {by_columns, lines, line_bytes, pitch};
}

void pack(const MatrixView& z, const Packed& packed, std::byte* to) {
  const MatrixView lines = packed.by_columns ? z.transposed() : z;
  const std::int64_t item = item_size(z.dtype);
  for (std::int64_t i = 0; i < packed.lines; ++i, to += packed.pitch) {
    if (lines.col_stride == item) {
      std::memcpy(to, lines.at(i, 0), static_cast<std::size_t>(packed.line_bytes));
    } else {
      for (std::int64_t j = 0; j < lines.cols; ++j) {
        std::memcpy(to + j * item, lines.at(i, j), static_cast<std::size_t>(item));
      }
    }
  }
}

MatrixView view_of(const MatrixView& z, const Packed& packed, const std::byte* data) {
  const std::int64_t item = item_size(z.dtype);
  if (packed.by_columns) return {data, z.dtype, z.rows, z.cols, item, packed.pitch};
  return {data, z.dtype, z.rows, z.cols, packed.pitch, item};
}

}  // namespace rankme::cuda::batch
