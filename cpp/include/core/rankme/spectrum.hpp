// From a Gram matrix, or from a whole matrix at once, to its singular values.
#pragma once

#include <cstdint>

#include "rankme/gram.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/qr.hpp"
#include "rankme/values.hpp"

namespace rankme {

// Of the rows in an accumulator so far; their number goes to *n_rows. center: of the rows less
// their mean. A negative computed eigenvalue is rounding and counts as 0. Throws IntegrityError
// where the sum disagrees with its probes.
SingularValues singular_values(const GramAccumulator& accumulator, bool center,
                               std::int64_t* n_rows);
// The same of a sum by itself, which it uses up.
SingularValues singular_values(CentredSum sum, const std::vector<double>& probes, bool center,
                               bool normalize);
SingularValues singular_values(const QrAccumulator& accumulator, bool center, std::int64_t* n_rows);

// Of the first columns of its rows, as they are: the leading block of the same sum. What the probes
// measure of the whole bounds the error of any block of it.
SingularValues leading_singular_values(CentredSum sum, const std::vector<double>& probes,
                                       std::int64_t columns, bool center);

// Of a whole matrix in one pass, from its smaller side. Throws NonFiniteError.
SingularValues singular_values(const MatrixView& z, bool center, bool normalize, Method method);

// The same by the Gram matrix, with products in float32 for as many rows as *float_rows tells: none
// where a look at some rows promises an interval of RankMe that is wider than this part of it.
SingularValues fast_singular_values(const MatrixView& z, bool center, bool normalize,
                                    double tolerance, std::int64_t* float_rows);

}  // namespace rankme
