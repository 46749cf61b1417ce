// Rows of a sum that wait in float32 until they are many enough to be multiplied together, so that
// the matrix is read and written once for all of them. Private to cpp/src.
#pragma once

#include <cstdint>
#include <vector>

#include "float_kernels.hpp"
#include "rankme/block.hpp"
#include "rankme/memory.hpp"

namespace rankme {

// The longest chain of roundings behind an entry of a chunk's sum, in float32: each factor, and
// the sum.
constexpr std::int64_t float_chain = 2 + chunk_rows;

class FloatRows {
public:
  // Makes room for some blocks of so many rows. Throws OutOfMemory, and then nothing has changed.
  void reserve(std::int64_t block_rows, std::int64_t dim);

  void clear();
  bool empty() const { return rows_ == 0; }
  bool has_room(std::int64_t rows) const { return rows_ + rows <= room_; }

  // Takes a block's rows as they are, rounded to float32. `largest` bounds its magnitudes. False,
  // and nothing has changed, where float32 cannot hold the squares of its columns beside each
  // other.
  [[nodiscard]] bool take(const Block& block, double largest);

  // gram += the products of all rows that wait, by so many threads: (dim, dim) row-major, the lower
  // triangle. The diagonal is summed in float64; returns what float32 would have made of its sum,
  // less that.
  double multiply_into(double* gram, int threads);

private:
  float* panel(std::int64_t p) { return floats_ + p * room_ * panel_width; }
  bool take_panel(const Block& block, std::int64_t p, double scale);
  void add_panels(std::int64_t down, std::int64_t across, double* gram, const double* soon);
  void add_edge(std::int64_t down, std::int64_t across, double* gram);
  void add_group(std::int64_t first, std::int64_t last, double* gram);

  std::int64_t dim_ = 0, room_ = 0, rows_ = 0;
  AlignedDoubles memory_;
  float* floats_ = nullptr;
  std::vector<Chunk> chunks_;
  // Of each column, by panels: the squares of one block and of all that wait; and of each panel,
  // what the squares in float32 are off by.
  std::vector<double> block_squares_, squares_, lost_;
};

}  // namespace rankme
