// How rows enter a GramSum, for every accumulator that keeps some: a cache-sized block at a time,
// converted, prepared, and added with its column sums and probe products.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/block.hpp"
#include "rankme/gram_sum.hpp"
#include "rankme/matrix_view.hpp"

namespace rankme {

// What is done to rows on their way. Subtracting one vector from all rows, or each row's own first
// entry from all columns, changes nothing that is centred later along that axis, and keeps a mean
// that is much longer than the spread around it from drowning the latter.
struct Preparation {
  const UnitScale* column_scales = nullptr;  // dim factors for the columns, or none
  const double* subtract_row = nullptr;      // dim numbers, or none
  bool subtract_first_column = false;
  bool shifts() const { return subtract_row != nullptr || subtract_first_column; }
};

// Rows a dsyrk that suit the second-level cache, or BLAS's own threads where those share a block.
std::int64_t rows_a_block(std::int64_t dim, bool blas_threads);

// One thread's room to work in; it serves any number of sums of one dim, in turn.
class RowAdder {
public:
  // Makes room for blocks of so many rows. Throws OutOfMemory, and then nothing has changed.
  void reserve(std::int64_t block_rows, std::int64_t dim);

  // Adds rows that `reserve` made room for. probes: (dim, 8), or none. False where an entry is not
  // finite; the sum is then as it was.
  [[nodiscard]] bool add(GramSum& sum, const MatrixView& rows, bool normalize, const double* probes,
                         const Preparation& preparation);

private:
  std::vector<double> block_;
  std::vector<double> block_sums_;
  std::vector<double> probe_scratch_;
};

}  // namespace rankme
