// From a Gram matrix on a device, or from a whole matrix at once, to its singular values.
#pragma once

#include <cstdint>
#include <vector>

#include "rankme/cuda/gram.hpp"
#include "rankme/cuda/handles.hpp"
#include "rankme/cuda/source.hpp"
#include "rankme/values.hpp"

namespace rankme::cuda {

// The n eigenvalues of a symmetric matrix on the device, in ascending order: (n, n) row-major,
// lower triangle; it is destroyed. cusolverDnXsyevd without vectors.
std::vector<double> symmetric_eigenvalues(Resources& resources, double* matrix, std::int64_t n);

// Of all rows of a sum. Throws IntegrityError where it disagrees with its probes.
SingularValues spectrum_of(Resources& resources, const DeviceSum& sum, const DeviceProbes& probes,
                           std::int64_t n_rows, bool center, bool normalize);

// Of a whole matrix in one pass, from its smaller side, as rankme::singular_values.
SingularValues singular_values(const Source& source, bool center, bool normalize, Method method,
                               Precision precision, int device);

}  // namespace rankme::cuda
