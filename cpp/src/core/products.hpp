// Products of rows with themselves, on one thread or shared with helpers. Private to cpp/src/core.
#pragma once

#include <vector>

#include "helpers.hpp"
#include "rankme/block.hpp"

namespace rankme {

// gram += block^T block, the lower triangle in row-major order (LAPACK's upper). helpers, or none,
// share it tile by tile; the tiles depend on how many were asked for.
void add_gram_of(const Block& block, std::vector<double>& gram, Helpers* helpers);

}  // namespace rankme
