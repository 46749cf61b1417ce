// Singular values of many matrices, with their intervals, one matrix after the other.
#pragma once

#include <cstdint>
#include <vector>

namespace rankme {

// Of every matrix what SingularValues holds, one after the other: those of matrix i are at
// [offsets[i], offsets[i + 1]).
struct BatchSpectra {
  std::vector<double> scaled;
  std::vector<double> low;
  std::vector<double> high;
  std::vector<std::int64_t> offsets;  // one more than matrices
  std::vector<int> exponents;
};

}  // namespace rankme
