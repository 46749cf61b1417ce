// Singular values as Python sees them.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <tuple>
#include <utility>

#include "numpy_vectors.hpp"
#include "rankme/values.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

// What is known of singular values together, as plain numbers: a spectrum is pickled.
using UncertaintyTuple = std::tuple<double, double, double, double, double, bool, std::int64_t>;

inline UncertaintyTuple to_tuple(const Uncertainty& u) {
  return {u.ball, u.free, u.solver_frobenius, u.relative, u.absolute, u.of_squares, u.solved};
}

inline Uncertainty uncertainty_of(const UncertaintyTuple& numbers) {
  return std::make_from_tuple<Uncertainty>(numbers);
}

// (scaled, low, high, exponent, uncertainty, other), the last one None or a function that returns
// (scaled, low, high, exponent) of the other answer
inline py::tuple to_tuple(SingularValues values) {
  const UncertaintyTuple uncertainty = to_tuple(values.uncertainty);
  py::object other = py::none();
  if (values.other) {
    other = py::cpp_function([find = std::move(values.other)] {
      SingularValues more;
      {
        const Unlocked unlocked;
        more = find();
      }
      return py::make_tuple(to_numpy(std::move(more.scaled)), to_numpy(std::move(more.low)),
                            to_numpy(std::move(more.high)), more.exponent);
    });
  }
  return py::make_tuple(to_numpy(std::move(values.scaled)), to_numpy(std::move(values.low)),
                        to_numpy(std::move(values.high)), values.exponent, uncertainty, other);
}

}  // namespace rankme::bindings
