// Singular values of many matrices on a GPU, most of them small.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "rankme/batch_spectra.hpp"
#include "rankme/cuda/gram.hpp"
#include "rankme/matrix_view.hpp"
#include "rankme/values.hpp"

namespace rankme::cuda {

using rankme::BatchSpectra;

// Matrices that all lie in the same place. on_device and the producers as in Source.
struct BatchSource {
  std::vector<MatrixView> views;
  bool on_device = false;
  std::vector<std::uintptr_t> producers;
};

// As singular_values of each matrix, with intervals that hold the same exact values; a small
// matrix is not probed, since what rounding can do to so short sums is known beforehand. `workers`
// host threads turn eigenvalues into singular values. Throws NonFiniteError for the first matrix,
// in their order, that is not finite. Small: by the Gram matrix, with a shorter side of 64 at most
// (63 where columns are centred). The others are computed one after the other.
BatchSpectra singular_values(const BatchSource& source, bool center, bool normalize, Method method,
                             Precision precision, int device, int workers);

}  // namespace rankme::cuda
