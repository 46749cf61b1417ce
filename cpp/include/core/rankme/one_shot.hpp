// The Gram matrix of a whole matrix in one pass, for calls that have all rows at hand.
#pragma once

#include <optional>
#include <vector>

#include "rankme/gram_sum.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/row_adder.hpp"

namespace rankme {

// z^T z with the products of the probes, over threads; nothing where an entry is not finite.
std::optional<GramSum> gram_sum(const MatrixView& z, const std::vector<double>& probes,
                                const Preparation& preparation);

}  // namespace rankme
