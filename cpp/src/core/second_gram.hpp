// The Gram matrix of lines that are read once more and multiplied by bases. Private to cpp/src.
#pragma once

#include <cstdint>
#include <vector>

#include "tails.hpp"

namespace rankme {

// Column vectors of one length, one behind the other, about orthonormal.
struct Basis {
  std::int64_t length;
  std::int64_t count;
  std::vector<double> entries;

  double* at(std::int64_t j) { return entries.data() + j * length; }
};

// W^T W for W = A V_1 V_2 .., over threads.
struct SecondGram {
  std::vector<double> matrix;  // (count, count)
  double depth;                // of its sums
  double squares;              // as LineReader's
};
// room: count^2 numbers of the last basis's, whatever they are.
SecondGram second_gram(const TailLines& source, const std::vector<Basis>& bases,
                       std::vector<double> room);

}  // namespace rankme
