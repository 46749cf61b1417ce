// A block of rows less its own mean, in two steps that lose nothing to a mean that is much longer
// than the spread: first the first row is subtracted, then the mean of what is left. Private to
// cpp/src.
#pragma once

#include <cstdint>

#include "rankme/block.hpp"
#include "rankme/two_sum.hpp"

namespace rankme {

// block(i, j) -= first[j] for rows in row-major order; sums[j] += what is left of column j.
void shift_rows(const Block& block, const double* first, double* sums);

// The first `rows` entries of every column of a column-major block, both steps at once. first[j]
// gets the first entry, mean[j] the mean of what was left without it. squares += those of what is
// left in the end.
void centre_columns(const Block& block, std::int64_t rows, double* first, double* mean,
                    TwoParts& squares);

// The second step for a row-major block, none for the other, and with probes the products of all
// rows: scratch (sets, block.rows, 8) = block probes, products (sets, dim, 8) = block^T scratch.
// The last row is no row of Z but what the mean moved by, and is not centred. squares += those of
// the rows where this step is theirs.
void centre_and_probe(const Block& block, const double* mean, const double* probes, double* scratch,
                      double* products, TwoParts& squares, int sets = 1);

}  // namespace rankme
