// A block of rows less its own mean, in two steps that lose nothing to a mean that is much longer
// than the spread: first the first row is subtracted, then the mean of what is left. Private to
// cpp/src.
#pragma once

#include <cstdint>

#include "rankme/block.hpp"

namespace rankme {

// block(i, j) -= first[j] for rows in row-major order; sums[j] += what is left of column j.
void shift_rows(const Block& block, const double* first, double* sums);

// The first `rows` entries of every column of a column-major block, both steps at once. first[j]
// gets the first entry, mean[j] the mean of what was left without it.
void centre_columns(const Block& block, std::int64_t rows, double* first, double* mean);

// The second step for a row-major block, none for the other, and with probes the products of all
// rows: scratch (block.rows, 8) = block probes, products (dim, 8) = block^T scratch. The last row
// is no row of Z but what the mean moved by, and is not centred.
void centre_and_probe(const Block& block, const double* mean, const double* probes, double* scratch,
                      double* products);

}  // namespace rankme
