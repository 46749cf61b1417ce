// How far a computed Gram matrix is from the exact one, by its probes.
#pragma once

#include <vector>

#include "rankme/accuracy.hpp"
#include "rankme/gram_sum.hpp"

namespace rankme {

// Measures the sum against its probes, with BLAS, and judges it.
GramAccuracy measure_accuracy(const GramSum& sum, const std::vector<double>& probes);

}  // namespace rankme
