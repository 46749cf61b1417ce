// Vectors of the core as NumPy arrays, and back.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rankme::bindings {

namespace py = pybind11;

// Hands the vector's memory to NumPy.
template <class T>
py::array_t<T> to_numpy(std::vector<T> values, std::vector<py::ssize_t> shape) {
  auto* owner = new std::vector<T>(std::move(values));
  const py::capsule release(owner, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(std::move(shape), owner->data(), release);
}

template <class T>
py::array_t<T> to_numpy(std::vector<T> values) {
  const auto size = static_cast<py::ssize_t>(values.size());
  return to_numpy(std::move(values), {size});
}

// A state's array, whose length the caller names.
using Doubles = py::array_t<double, py::array::c_style>;

inline std::vector<double> to_vector(const Doubles& values, std::int64_t size, const char* name) {
  if (values.size() != size) {
    throw py::value_error(std::string(name) + " must have " + std::to_string(size) +
                          " entries, got " + std::to_string(values.size()));
  }
  return {values.data(), values.data() + size};
}

}  // namespace rankme::bindings
