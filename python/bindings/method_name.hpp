// The names of methods as Python gives them.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "rankme/values.hpp"

namespace rankme::bindings {

inline Method method_of(const std::string& name) {
  if (name == "gram") return Method::gram;
  if (name == "qr") return Method::qr;
  throw pybind11::value_error("method must be 'gram' or 'qr', got '" + name + "'");
}

}  // namespace rankme::bindings
