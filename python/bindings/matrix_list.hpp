// Several matrices of one call, as views.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "rankme/matrix_view.hpp"

namespace rankme::bindings {

namespace py = pybind11;

struct MatrixList {
  std::vector<MatrixView> views;
  std::vector<py::object> owners;  // of their memory
};

// zs: an ArrayView of 3 dimensions, or a sequence of matrices, each an ArrayView or what
// as_rows (python_names.hpp) takes, in the processor's memory.
MatrixList matrices_of(const py::object& zs);

}  // namespace rankme::bindings
