// Rows of any supported dtype into a float64 block, exactly, with what must be known about them
// found in the same pass over memory.
#pragma once

#include <cstdint>

#include "rankme/matrix_view.hpp"

namespace rankme {

// Which axis of a block is contiguous. A block takes the order of its source, so no conversion
// ever transposes: BLAS accepts either.
enum class Layout { row_major, column_major };

// The order in which `z` is read fastest.
Layout natural_layout(const MatrixView& z);

struct BlockFacts {
  double largest;  // max |entry|, meaningful where finite
  bool finite;     // no NaN and no infinity
};

// Writes z into out (z.rows * z.cols doubles) in the given layout: entry (i, j) lands at
// out[i * cols + j] or out[j * rows + i]. Every supported dtype is a subset of float64.
BlockFacts widen(const MatrixView& z, Layout layout, double* out);

// Looks at all of z. Throws NonFiniteError for the first entry, in row order, that is NaN or
// infinite. Returns max |entry|.
double require_finite(const MatrixView& z, int workers);

// For a view in which such an entry was seen. Throws TornError where it has gone since.
[[noreturn]] void throw_first_nonfinite(const MatrixView& z);

}  // namespace rankme
