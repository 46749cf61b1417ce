// A NumPy array as a view, and vectors as NumPy arrays.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <utility>
#include <vector>

#include "rankme/matrix_view.hpp"

namespace rankme::bindings {

namespace py = pybind11;

inline DType dtype_of(const py::array& array) {
  const py::dtype dtype = array.dtype();
  if (dtype.kind() == 'f' && dtype.itemsize() == 8) return DType::float64;
  if (dtype.kind() == 'f' && dtype.itemsize() == 4) return DType::float32;
  if (dtype.kind() == 'f' && dtype.itemsize() == 2) return DType::float16;
  // ml_dtypes registers bfloat16 under a kind of its own, so only the name tells.
  if (py::cast<std::string>(dtype.attr("name")) == "bfloat16") return DType::bfloat16;
  throw py::type_error("unsupported dtype " + py::cast<std::string>(py::str(dtype)));
}

// The array must outlive the view. Callers hold it as an argument: NumPy then refuses to resize it
// in place (unless told not to look), and nobody frees it while the GIL is released.
inline MatrixView view_of(const py::array& array) {
  if (array.ndim() != 2) throw py::value_error("Z must have 2 dimensions");
  return {static_cast<const std::byte*>(array.data()),
          dtype_of(array),
          array.shape(0),
          array.shape(1),
          array.strides(0),
          array.strides(1)};
}

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
