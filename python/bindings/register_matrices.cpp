#include <pybind11/pybind11.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "numpy_vectors.hpp"
#include "rankme/eigen.hpp"
#include "rankme/matrix_product.hpp"
#include "register.hpp"
#include "unlocked.hpp"

namespace rankme::bindings {

namespace py = pybind11;

namespace {

void require_square(const Doubles& a) {
  if (a.ndim() != 2 || a.shape(0) != a.shape(1) || a.shape(0) < 1) {
    throw py::value_error("a must be a square matrix of order 1 or more");
  }
}

}  // namespace

void register_matrices(py::module_& m) {
  m.def(
      "symmetric_eigenvalues",
      [](const Doubles& a) {
        require_square(a);
        std::vector<double> values;
        {
          // The argument keeps the array alive, and nobody writes to it.
          const Unlocked unlocked;
          values = symmetric_eigenvalues(a.data(), a.shape(0));
        }
        return to_numpy(std::move(values));
      },
      py::arg("a").noconvert());

  m.def(
      "symmetric_eigenvectors",
      [](const Doubles& a) {
        require_square(a);
        const std::int64_t n = a.shape(0);
        std::vector<double> values;
        std::vector<double> vectors;
        {
          // As above.
          const Unlocked unlocked;
          std::vector<double> copy(a.data(), a.data() + n * n);
          vectors = smallest_eigenvectors(copy.data(), n, n, &values);
        }
        return py::make_tuple(to_numpy(std::move(values)), to_numpy(std::move(vectors), {n, n}));
      },
      py::arg("a").noconvert());

  m.def(
      "matrix_product",
      [](const Doubles& a, const Doubles& b) {
        if (a.ndim() != 2 || b.ndim() != 2 || a.shape(1) != b.shape(0) || a.size() == 0 ||
            b.size() == 0) {
          throw py::value_error("a and b must be matrices, a with as many columns as b has rows");
        }
        std::vector<double> product;
        {
          // As above.
          const Unlocked unlocked;
          product = matrix_product(a.data(), a.shape(0), a.shape(1), b.data(), b.shape(1));
        }
        return to_numpy(std::move(product), {a.shape(0), b.shape(1)});
      },
      py::arg("a").noconvert(), py::arg("b").noconvert());
}

}  // namespace rankme::bindings
