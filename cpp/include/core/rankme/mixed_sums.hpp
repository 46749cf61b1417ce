// Sums in float64 and sums in float32, which carry more probes, are made alike before they are
// added.
#pragma once

#include <vector>

#include "rankme/centred_sum.hpp"

namespace rankme {

// Gives a sum that carries one set of probes all sets that sums in float32 carry; probes: all of
// them. What its own set measures of its error goes to what is unseen, and the products become
// those of the matrix as it is: from there on the probes measure what is added. Throws
// IntegrityError as measure_accuracy, and after any exception nothing has changed. Of a square.
void carry_float_probes(CentredSum& sum, const std::vector<double>& probes);

}  // namespace rankme
