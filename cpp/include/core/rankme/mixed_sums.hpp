// Sums in float64 carry one set of probes and sums in float32 several: they are made alike before
// they are added, and a sum that is saved carries one.
#pragma once

#include <vector>

#include "rankme/centred_sum.hpp"

namespace rankme {

// Gives a sum so many sets of probes; `probes` has these, and those that it has. What its own
// measure of its error goes to what is unseen, and the products become those of the matrix as it
// is: from there on the probes measure what is added. Errors of parts add up as they are then, and
// no longer as random ones. Throws IntegrityError as measure_accuracy, and after any exception
// nothing has changed. Of a square.
void carry_probe_sets(CentredSum& sum, int sets, const std::vector<double>& probes);

// The same in two steps, of which the second asks for no memory and cannot fail.
struct CarriedProbes {
  std::vector<double> products, low;
  double unseen;
  TwoParts squares;
};
CarriedProbes carried_probes(const CentredSum& sum, int sets, const std::vector<double>& probes);
void carry(CentredSum& sum, CarriedProbes&& carried);

}  // namespace rankme
