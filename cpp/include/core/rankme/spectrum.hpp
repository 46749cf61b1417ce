// From a Gram matrix, or from a whole matrix at once, to its singular values.
#pragma once

#include <cstdint>

#include "rankme/gram.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/qr.hpp"
#include "rankme/values.hpp"

namespace rankme {

// Of the rows in an accumulator so far; their number goes to *n_rows. center: of the rows less
// their mean, by G - s s^T / N. A negative computed eigenvalue is rounding and counts as 0. Throws
// IntegrityError where the sum disagrees with its probes.
SingularValues singular_values(const GramAccumulator& accumulator, bool center,
                               std::int64_t* n_rows);
// The same of a sum by itself, which it uses up.
SingularValues singular_values(GramSum sum, const std::vector<double>& probes, std::int64_t n_rows,
                               bool center, bool normalize);
SingularValues singular_values(const QrAccumulator& accumulator, bool center, std::int64_t* n_rows);

// Of a whole matrix in one pass, from its smaller side. Throws NonFiniteError.
SingularValues singular_values(const MatrixView& z, bool center, bool normalize, Method method);

}  // namespace rankme
