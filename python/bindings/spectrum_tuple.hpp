// Singular values as Python sees them.
#pragma once

#include <pybind11/pybind11.h>

#include <utility>

#include "numpy_vectors.hpp"
#include "rankme/values.hpp"

namespace rankme::bindings {

// (scaled, low, high, exponent)
inline py::tuple to_tuple(SingularValues values) {
  return py::make_tuple(to_numpy(std::move(values.scaled)), to_numpy(std::move(values.low)),
                        to_numpy(std::move(values.high)), values.exponent);
}

}  // namespace rankme::bindings
