// The name of an arithmetic, as Python gives it.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "rankme/float_choice.hpp"

namespace rankme::bindings {

inline Precision precision_of(const std::string& name) {
  if (name == "float64") return Precision::float64;
  if (name == "fast") return Precision::fast;
  throw pybind11::value_error("precision must be 'float64' or 'fast', not '" + name + "'");
}

}  // namespace rankme::bindings
