// Products of rows with themselves, on one thread or shared with helpers.
//
// The columns of a block are packed into panels, as Goto and van de Geijn do ("Anatomy of
// high-performance matrix multiplication", ACM TOMS 34, 2008), and a tile of the result is added up
// in registers over all rows of the block. A BLAS packs for any shape of factors; rows times
// themselves are packed once and not twice, and the upper triangle is not computed.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/block.hpp"
#include "rankme/memory.hpp"

namespace rankme {

class Helpers;

class PackedRows {
public:
  // Makes room to pack so many rows at once. Throws OutOfMemory, and then nothing has changed.
  void reserve(std::int64_t rows, std::int64_t dim);

  // gram (dim, dim) += block^T block, the lower triangle in row-major order; the upper one is not
  // defined. helpers, or none, share it; the result does not tell how many they are. Asks for no
  // memory.
  void add_gram_of(const Block& block, std::vector<double>& gram, Helpers* helpers);

private:
  std::int64_t rows_ = 0;
  AlignedDoubles memory_;
};

}  // namespace rankme
